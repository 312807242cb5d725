// Right output of `layernorm`: the reference in float64 and the bound of f32's rounding, given the order of its sums.
import { layerNorm } from '../../reference/operators.ts';
import { ceilDiv } from '../../util/math.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { LayernormInputs } from './operands.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;
/** Lanes that share the sums of a row in the class `software`: `WIDTH` of shaders/norm_lanes.wgsl. */
export const NORM_LANES = 32;

/**
 * Computes out[M, C].
 *
 * @param numAdditions longest chain of additions in a sum of C terms; by default that of `layernorm`.
 */
export function expectedLayernorm(
  { x, gamma, beta, eps: epsilon }: LayernormInputs,
  numAdditions: number = normAdditions(gamma.length),
): Expected {
  const C = gamma.length;
  const [x64, gamma64] = [new Float64Array(x), new Float64Array(gamma)];
  const want = layerNorm(x64, gamma64, new Float64Array(beta), { M: x.length / C, C, epsilon });
  return { want, tolerance: layernormBound(x64, gamma64, want, epsilon, numAdditions), toNumbers: floatsOf };
}

/**
 * First-order bound for `want`[M, C], u = 2^-24. A sum takes n additions one after another, so the mean errs by
 * δ ≤ (n + 1) u · mean |x|, and d = x − mean by δ + u |d|. The error of the variance moves 1 / √(variance + ε) by half its
 * relative size, (n + 4) u / 2, to which WGSL's accuracy of sqrt and of two divisions adds 2 · (3 + 2.5 + 2.5) u. An error
 * of δ in every d is of second order in the variance: δ² / (variance + ε) / 2.
 */
export function layernormBound(
  x: Float64Array,
  gamma: Float64Array,
  want: Float64Array,
  epsilon: number,
  n: number = normAdditions(gamma.length),
): Float64Array {
  const C = gamma.length;
  const bound = new Float64Array(want.length);
  for (let start = 0; start < want.length; start += C) {
    const row = x.subarray(start, start + C);
    const mean = row.reduce((sum, v) => sum + v, 0) / C;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
    const delta = ((n + 1) * U * row.reduce((sum, v) => sum + Math.abs(v), 0)) / C;
    const scale = 1 / Math.sqrt(variance + epsilon);
    const relative = ((n + 4) / 2 + 16 + 3) * U + (delta * scale) ** 2 / 2;
    row.forEach((v, c) => {
      const d = Math.abs(v - mean);
      const out = Math.abs(want[start + c]!);
      bound[start + c] = Math.abs(gamma[c]!) * scale * (delta + relative * (d + delta)) + 2 * U * out;
    });
  }
  return bound;
}

/**
 * Counts the additions one after another in a sum of `layernorm`: those of a lane, then one for each lane. In the class `gpu` they are fewer or
 * as many: of one of 256 parts, then one for each of 16 parts of a group, then one for each of 16 groups.
 */
export function normAdditions(C: number): number {
  return ceilDiv(C, NORM_LANES) + NORM_LANES;
}
