// Right output of attention: the reference in float64 and a bound of f32's rounding in tiles and splits.
import { type AttentionDims, attention as referenceAttention } from '../../reference/attention.ts';
import { softmax } from '../../reference/operators.ts';
import { ceilDiv } from '../../util/math.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { AttentionSums } from '../reductions.ts';
import { TILE_KEYS } from './attention.ts';
import type { AttentionStep } from './operands.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;

/** Right out[T, C] of a step. */
export interface ExpectedAttention extends Expected {
  readonly tolerance: Float64Array;
}

/** out[T, C] of a step, whole or in splits that are folded. */
export function expectedAttention({ shape, scale, sequences, numTokens }: AttentionStep): ExpectedAttention {
  const { G, SHARE = 1, D, sums, window = null } = shape;
  const H = G * SHARE;
  const want = new Float64Array(numTokens * H * D);
  const tolerance = new Float64Array(want.length);
  let start = 0;
  for (const { context, queries: T, q, k, v } of sequences) {
    const [q64, k64, v64] = [Float64Array.from(q), Float64Array.from(k), Float64Array.from(v)];
    const dims = { T, context, H, G, D, scale, window };
    const out = referenceAttention(q64, k64, v64, dims);
    want.set(out, start);
    tolerance.set(attentionBound(q64, k64, v64, out, { ...dims, sums }), start);
    start += out.length;
  }
  return { want, tolerance, toNumbers: floatsOf };
}

/**
 * Bound for attention, `out`[T, H, D] of q[T, H, D], k and v[context, G, D]. A score and the maximum err by
 * (D + 2) u a each, a being the largest scale · Σ|q k|. p passes one exp for its tile and one for each later rescaling by a tile, a split or a group, n in
 * all; their arguments add up to max − s, so the 3 + 2 |x| units (of 2 u) an exp and the rounding of the arguments give
 * (6 n + 5 (max − s)) u. An error η of p_j moves the quotient by p_j |v_j − out| η. A sum is a chain of 32 additions in a
 * tile and of two roundings a rescaling; there are two sums, and the division errs by 2.5 units.
 */
function attentionBound(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  out: Float64Array,
  { T, context, H, G, D, scale, window, sums }: Required<AttentionDims> & { readonly sums: AttentionSums },
): Float64Array {
  const C = H * D;
  const { splitKeys, groupKeys } = sums;
  const numGroups = groupKeys > 0 ? ceilDiv(context, groupKeys) : 0;
  const numExps = ceilDiv(context, TILE_KEYS) + ceilDiv(context, splitKeys) + numGroups + 1;
  const chain = 2 * (TILE_KEYS + 2 * numExps) + 5;
  const bound = new Float64Array(T * C);
  for (let row = 0; row < T * C; row += D) {
    const seen = context - T + Math.floor(row / C) + 1;
    const first = window === null ? 0 : Math.max(0, seen - window);
    const keyAt = (j: number) => (first + j) * G * D + Math.floor((row % C) / (C / G)) * D;
    const scores = new Float64Array(seen - first);
    let largest = 0;
    for (let j = 0; j < scores.length; j++) {
      let magnitude = 0;
      for (let d = 0; d < D; d++) {
        const term = scale * q[row + d]! * k[keyAt(j) + d]!;
        scores[j]! += term;
        magnitude += Math.abs(term);
      }
      largest = Math.max(largest, magnitude);
    }
    const max = scores.reduce((a, b) => Math.max(a, b));
    softmax(scores).forEach((p, j) => {
      const relative = Math.expm1(U * (2 * (D + 2) * largest + 6 * numExps + 5 * (max - scores[j]!)));
      for (let d = 0; d < D; d++) {
        const value = v[keyAt(j) + d]!;
        bound[row + d]! += p * (Math.abs(value - out[row + d]!) * relative + chain * U * Math.abs(value));
      }
    });
  }
  return bound;
}
