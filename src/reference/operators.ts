// Operators of GPT-2 and the Llama family in float64 on the CPU, row-major, with plain loops: written to be trusted, so that
// kernels can be judged by them.

import { checkArray, checkComplete, natural, sizes } from './checks.ts';
import { erfc } from './erf.ts';

const NORM = { ...sizes('M', 'C'), epsilon: natural };
const MATMUL = sizes('M', 'K', 'N');

/**
 * Layer norm of each row: out[M, C] = (x − mean) / √(variance + epsilon) · gamma + beta, from x[M, C], gamma[C],
 * beta[C]; the variance is the biased one.
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function layerNorm(
  x: Float64Array,
  gamma: Float64Array,
  beta: Float64Array,
  dims: { M: number; C: number; epsilon: number },
): Float64Array {
  checkComplete('dims of layerNorm', dims, NORM);
  const { M, C, epsilon } = dims;
  checkArray('layerNorm x', x, M * C);
  checkArray('layerNorm gamma', gamma, C);
  checkArray('layerNorm beta', beta, C);
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

/**
 * RMS norm of each row: out[M, C] = x / √(mean of x² + epsilon) · gamma, from x[M, C], gamma[C].
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function rmsNorm(
  x: Float64Array,
  gamma: Float64Array,
  dims: { M: number; C: number; epsilon: number },
): Float64Array {
  checkComplete('dims of rmsNorm', dims, NORM);
  const { M, C, epsilon } = dims;
  checkArray('rmsNorm x', x, M * C);
  checkArray('rmsNorm gamma', gamma, C);
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
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function geluNew(x: Float64Array): Float64Array {
  checkArray('geluNew x', x);
  return x.map((v) => v / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
}

/**
 * Exact GELU, x · Φ(x) = x/2 · erfc(−x/√2).
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function gelu(x: Float64Array): Float64Array {
  checkArray('gelu x', x);
  return x.map((v) => 0.5 * v * erfc(-v * Math.SQRT1_2));
}

/**
 * max(x, 0).
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function relu(x: Float64Array): Float64Array {
  checkArray('relu x', x);
  return x.map((v) => Math.max(v, 0));
}

/**
 * SiLU, x · σ(x) = x / (1 + exp(−x)).
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function silu(x: Float64Array): Float64Array {
  checkArray('silu x', x);
  return x.map((v) => v / (1 + Math.exp(-v)));
}

/**
 * out[M, N] = x[M, K] · w[K, N] + bias[N].
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function matmul(
  x: Float64Array,
  w: Float64Array,
  bias: Float64Array | undefined,
  dims: { M: number; K: number; N: number },
): Float64Array {
  checkComplete('dims of matmul', dims, MATMUL);
  const { M, K, N } = dims;
  checkArray('matmul x', x, M * K);
  checkArray('matmul w', w, K * N);
  if (bias !== undefined) checkArray('matmul bias', bias, N);
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

/**
 * out[M, N] = x[M, K] · w[N, K]ᵀ: the weights lie as an embedding does, one row per output.
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function matmulTransposed(
  x: Float64Array,
  w: Float64Array,
  dims: { M: number; K: number; N: number },
): Float64Array {
  checkComplete('dims of matmulTransposed', dims, MATMUL);
  const { M, K, N } = dims;
  checkArray('matmulTransposed x', x, M * K);
  checkArray('matmulTransposed w', w, N * K);
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

/**
 * exp(x − max) / Σ exp(x − max) over one row, which holds at least one finite value; −Infinity gives 0.
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function softmax(x: Float64Array): Float64Array {
  checkArray('softmax x', x);
  const max = maximum(x);
  const exps = x.map((v) => Math.exp(v - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

/**
 * x − max − log Σ exp(x − max) over one row.
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function logSoftmax(x: Float64Array): Float64Array {
  checkArray('logSoftmax x', x);
  const max = maximum(x);
  const logSum = Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0));
  return x.map((v) => v - max - logSum);
}

/**
 * Index of the greatest value, the lowest on a tie; −1 when a value is NaN.
 *
 * @throws RangeValueError for anything but a Float64Array.
 */
export function argmax(x: Float64Array): number {
  checkArray('argmax x', x);
  return x.indexOf(maximum(x));
}

function maximum(x: Float64Array): number {
  return x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
}
