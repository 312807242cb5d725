// Attention in float64, in one piece and taken apart at its probabilities.
import { RangeValueError } from '../util/errors.ts';
import { type Checks, count } from '../util/option-checks.ts';
import { checkArray, checkComplete, finite, optional, sizes } from './checks.ts';
import { softmax } from './operators.ts';

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

const ATTENTION: Checks<AttentionDims> = {
  ...sizes('T', 'context'),
  H: count,
  G: optional(count),
  D: count,
  scale: finite,
  window: { expected: 'an integer ≥ 1 or null', accepts: (value) => value == null || count.accepts(value) },
};

/**
 * Causal attention: out[T, H, D] from q[T, H, D], k[context, G, D], v[context, G, D]. The queries are the last T positions of the
 * context, so query t sees the keys up to position p = context − T + t, after p − window where there is one; its scores are
 * q · k · scale.
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function attention(q: Float64Array, k: Float64Array, v: Float64Array, dims: AttentionDims): Float64Array {
  checkDims(dims);
  const { T, context, H, G = H, D, scale, window = null } = dims;
  checkArray('attention q', q, T * H * D);
  checkArray('attention k', k, context * G * D);
  checkArray('attention v', v, context * G * D);
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
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function attentionPattern(q: Float64Array, k: Float64Array, dims: AttentionDims): Float64Array {
  checkDims(dims);
  const { T, context, H, G = H, D, scale, window = null } = dims;
  checkArray('attentionPattern q', q, T * H * D);
  checkArray('attentionPattern k', k, context * G * D);
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

/**
 * Attention by given probabilities: out[T, H, D] of pattern[H, T, context] and v[context, G, D]; unseen keys count for nothing.
 *
 * @throws RangeValueError for an array of another type or length, and for sizes that are none.
 */
export function attentionOfPattern(pattern: Float64Array, v: Float64Array, dims: AttentionDims): Float64Array {
  checkDims(dims);
  const { T, context, H, G = H, D, window = null } = dims;
  checkArray('attentionOfPattern pattern', pattern, H * T * context);
  checkArray('attentionOfPattern v', v, context * G * D);
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

function checkDims(dims: AttentionDims): void {
  checkComplete('dims of attention', dims, ATTENTION);
  const { T, context, H, G = H } = dims;
  if (H % G !== 0) throw new RangeValueError('G of dims of attention', G, `a divisor of H, which is ${H}`);
  if (context < T) throw new RangeValueError('context of dims of attention', context, `at least T, which is ${T}`);
}
