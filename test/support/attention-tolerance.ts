import { softmax } from '../../src/reference/operators.ts';
import { ceilDiv } from '../../src/util/math.ts';

const U = 2 ** -24;
/** Keys between two rescalings, and between two restarts. */
const TILE_KEYS = 32;
const SPLIT_KEYS = 256;

/**
 * How far attention in f32 may be from `out`[T, H, D], the float64 result on q[T, H, D], k and v[S, H, D].
 *
 * First-order bounds with u = 2^-24. A score and the maximum err by (D + 2) u A each, A being the largest scale · Σ|q k|. p
 * passes one exp for its tile and one for each later rescaling, n in all; their arguments add up to max − s, so WGSL's
 * 3 + 2 |x| units (of 2 u) an exp and the rounding of the arguments give (6 n + 5 (max − s)) u. An error η of p_j moves
 * the quotient by p_j |v_j − out| η. A sum is a chain of 32 additions in a tile and of two roundings a rescaling; there are
 * two sums, and the division errs by 2.5 units.
 */
export function attentionTolerance(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  out: Float64Array,
  { T, S, H, D, scale }: { T: number; S: number; H: number; D: number; scale: number },
): Float64Array {
  const C = H * D;
  const numExps = ceilDiv(S, TILE_KEYS) + ceilDiv(S, SPLIT_KEYS) + 1;
  const chain = 2 * (TILE_KEYS + 2 * numExps) + 5;
  const tolerance = new Float64Array(T * C);
  for (let row = 0; row < T * C; row += D) {
    const head = row % C;
    const scores = new Float64Array(S - T + Math.floor(row / C) + 1);
    let largest = 0;
    for (let j = 0; j < scores.length; j++) {
      let magnitude = 0;
      for (let d = 0; d < D; d++) {
        const term = scale * q[row + d]! * k[j * C + head + d]!;
        scores[j]! += term;
        magnitude += Math.abs(term);
      }
      largest = Math.max(largest, magnitude);
    }
    const max = scores.reduce((a, b) => Math.max(a, b));
    softmax(scores).forEach((p, j) => {
      const relative = Math.expm1(U * (2 * (D + 2) * largest + 6 * numExps + 5 * (max - scores[j]!)));
      for (let d = 0; d < D; d++) {
        const value = v[j * C + head + d]!;
        tolerance[row + d]! += p * (Math.abs(value - out[row + d]!) * relative + chain * U * Math.abs(value));
      }
    });
  }
  return tolerance;
}
