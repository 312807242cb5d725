// Operators of GPT-2 and the Llama family in float64 on the CPU, row-major, with plain loops: written to be trusted, so that
// kernels can be judged by them.
import { RangeValueError } from '../util/errors.ts';
import { erfc } from './erf.ts';

/**
 * Layer norm of each row: out[M, C] = (x − mean) / √(variance + epsilon) · gamma + beta, from x[M, C], gamma[C],
 * beta[C]; the variance is the biased one.
 */
export function layerNorm(
  x: Float64Array,
  gamma: Float64Array,
  beta: Float64Array,
  { M, C, epsilon }: { M: number; C: number; epsilon: number },
): Float64Array {
  checkLength('layerNorm x', x, M * C);
  checkLength('layerNorm gamma', gamma, C);
  checkLength('layerNorm beta', beta, C);
  const out = new Float64Array(M * C);
  for (let row = 0; row < M * C; row += C) {
    let sum = 0;
    for (let c = 0; c < C; c++) sum += x[row + c]!;
    const mean = sum / C;
    let squares = 0;
    for (let c = 0; c < C; c++) squares += (x[row + c]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / C + epsilon);
    for (let c = 0; c < C; c++) out[row + c] = (x[row + c]! - mean) * scale * gamma[c]! + beta[c]!;
  }
  return out;
}

/** RMS norm of each row: out[M, C] = x / √(mean of x² + epsilon) · gamma, from x[M, C], gamma[C]. */
export function rmsNorm(
  x: Float64Array,
  gamma: Float64Array,
  { M, C, epsilon }: { M: number; C: number; epsilon: number },
): Float64Array {
  checkLength('rmsNorm x', x, M * C);
  checkLength('rmsNorm gamma', gamma, C);
  const out = new Float64Array(M * C);
  for (let row = 0; row < M * C; row += C) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += x[row + c]! ** 2;
    const scale = 1 / Math.sqrt(squares / C + epsilon);
    for (let c = 0; c < C; c++) out[row + c] = x[row + c]! * scale * gamma[c]!;
  }
  return out;
}

/**
 * GELU by the tanh approximation, 0.5 x (1 + tanh u) with u = √(2/π) (x + 0.044715 x³), written as x / (1 + exp(−2u)),
 * which is the same and does not cancel in the negative tail.
 */
export function geluNew(x: Float64Array): Float64Array {
  return x.map((v) => v / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
}

/** Exact GELU, x · Φ(x) = x/2 · erfc(−x/√2). */
export function gelu(x: Float64Array): Float64Array {
  return x.map((v) => 0.5 * v * erfc(-v * Math.SQRT1_2));
}

/** max(x, 0). */
export function relu(x: Float64Array): Float64Array {
  return x.map((v) => Math.max(v, 0));
}

/** SiLU, x · σ(x) = x / (1 + exp(−x)). */
export function silu(x: Float64Array): Float64Array {
  return x.map((v) => v / (1 + Math.exp(-v)));
}

/** out[M, N] = x[M, K] · w[K, N] + bias[N]. */
export function matmul(
  x: Float64Array,
  w: Float64Array,
  bias: Float64Array | undefined,
  { M, K, N }: { M: number; K: number; N: number },
): Float64Array {
  checkLength('matmul x', x, M * K);
  checkLength('matmul w', w, K * N);
  if (bias !== undefined) checkLength('matmul bias', bias, N);
  const weights = Array.from({ length: K }, (_, k) => w.subarray(k * N, (k + 1) * N));
  const out = new Float64Array(M * N);
  for (let i = 0; i < M; i++) {
    const row = out.subarray(i * N, (i + 1) * N);
    if (bias !== undefined) row.set(bias);
    let k = 0;
    for (; k < K % 4; k++) {
      const w0 = weights[k]!;
      const x0 = x[i * K + k]!;
      for (let j = 0; j < N; j++) row[j]! += x0 * w0[j]!;
    }
    // Four k at a time, each sum still in ascending k: twice as fast, as `row` is loaded and stored a quarter as often.
    for (; k < K; k += 4) {
      const [w0, w1, w2, w3] = [weights[k]!, weights[k + 1]!, weights[k + 2]!, weights[k + 3]!];
      const [x0, x1, x2, x3] = [x[i * K + k]!, x[i * K + k + 1]!, x[i * K + k + 2]!, x[i * K + k + 3]!];
      for (let j = 0; j < N; j++) row[j] = row[j]! + x0 * w0[j]! + x1 * w1[j]! + x2 * w2[j]! + x3 * w3[j]!;
    }
  }
  return out;
}

/** out[M, N] = x[M, K] · w[N, K]ᵀ: the weights lie as an embedding does, one row per output. */
export function matmulTransposed(
  x: Float64Array,
  w: Float64Array,
  { M, K, N }: { M: number; K: number; N: number },
): Float64Array {
  checkLength('matmulTransposed x', x, M * K);
  checkLength('matmulTransposed w', w, N * K);
  const out = new Float64Array(M * N);
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[i * K + k]! * w[j * K + k]!;
      out[i * N + j] = sum;
    }
  }
  return out;
}

/** Sizes of attention, and the keys that a query sees. */
export interface AttentionDims {
  /** Queries. */
  readonly T: number;
  /** Keys. */
  readonly context: number;
  readonly H: number;
  /** Key heads, each of H / G query heads one after another; H when absent. */
  readonly G?: number;
  readonly D: number;
  readonly scale: number;
  /** Last keys that a query sees, its own included; all when absent or null. */
  readonly window?: number | null;
}

/**
 * Causal attention: out[T, H, D] from q[T, H, D], k[context, G, D], v[context, G, D]. The queries are the last T positions of the
 * context, so query t sees the keys up to position p = context − T + t, after p − window where there is one; its scores are
 * q · k · scale.
 */
export function attention(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  { T, context, H, G = H, D, scale, window = null }: AttentionDims,
): Float64Array {
  checkLength('attention q', q, T * H * D);
  checkLength('attention k', k, context * G * D);
  checkLength('attention v', v, context * G * D);
  const out = new Float64Array(T * H * D);
  for (let t = 0; t < T; t++) {
    const numSeen = context - T + t + 1;
    const first = window === null ? 0 : Math.max(0, numSeen - window);
    const scores = new Float64Array(numSeen - first);
    for (let head = 0; head < H; head++) {
      const row = (t * H + head) * D;
      const keyHead = Math.floor(head / (H / G)) * D;
      for (let s = 0; s < scores.length; s++) {
        const key = (first + s) * G * D + keyHead;
        let dot = 0;
        for (let d = 0; d < D; d++) dot += q[row + d]! * k[key + d]!;
        scores[s] = dot * scale;
      }
      const probs = softmax(scores);
      for (let s = 0; s < scores.length; s++) {
        const value = (first + s) * G * D + keyHead;
        const p = probs[s]!;
        for (let d = 0; d < D; d++) out[row + d]! += p * v[value + d]!;
      }
    }
  }
  return out;
}

/**
 * Probabilities of causal attention: [H, T, context], 0 at keys that a query does not see; operands as of `attention`.
 */
export function attentionPattern(
  q: Float64Array,
  k: Float64Array,
  { T, context, H, G = H, D, scale, window = null }: AttentionDims,
): Float64Array {
  const out = new Float64Array(H * T * context);
  for (let head = 0; head < H; head++) {
    for (let t = 0; t < T; t++) {
      const position = context - T + t;
      const scores = new Float64Array(context).fill(Number.NEGATIVE_INFINITY);
      for (let s = 0; s <= position; s++) {
        if (window !== null && position - s >= window) continue;
        let dot = 0;
        for (let d = 0; d < D; d++) {
          dot += q[(t * H + head) * D + d]! * k[(s * G + Math.floor((head * G) / H)) * D + d]!;
        }
        scores[s] = dot * scale;
      }
      out.set(softmax(scores), (head * T + t) * context);
    }
  }
  return out;
}

/** Attention by given probabilities: out[T, H, D] of pattern[H, T, context] and v[context, G, D]; unseen keys count for nothing. */
export function attentionOfPattern(
  pattern: Float64Array,
  v: Float64Array,
  { T, context, H, G = H, D, window = null }: AttentionDims,
): Float64Array {
  const out = new Float64Array(T * H * D);
  for (let t = 0; t < T; t++) {
    const position = context - T + t;
    for (let head = 0; head < H; head++) {
      for (let s = 0; s <= position; s++) {
        if (window !== null && position - s >= window) continue;
        const p = pattern[(head * T + t) * context + s]!;
        for (let d = 0; d < D; d++) {
          out[(t * H + head) * D + d]! += p * v[(s * G + Math.floor((head * G) / H)) * D + d]!;
        }
      }
    }
  }
  return out;
}

/** exp(x − max) / Σ exp(x − max) over one row, which holds at least one finite value; −Infinity gives 0. */
export function softmax(x: Float64Array): Float64Array {
  const max = maximum(x);
  const exps = x.map((v) => Math.exp(v - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

/** x − max − log Σ exp(x − max) over one row. */
export function logSoftmax(x: Float64Array): Float64Array {
  const max = maximum(x);
  const logSum = Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0));
  return x.map((v) => v - max - logSum);
}

/** Index of the greatest value, the lowest on a tie; −1 when a value is NaN. */
export function argmax(x: Float64Array): number {
  return x.indexOf(maximum(x));
}

function maximum(x: Float64Array): number {
  return x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
}

function checkLength(name: string, array: Float64Array, length: number): void {
  if (array.length !== length) throw new RangeValueError(`${name}.length`, array.length, String(length));
}
