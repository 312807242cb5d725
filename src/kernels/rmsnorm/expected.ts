// Right output of `rmsnorm`: the reference in float64 and the bound of f32's rounding, given the order of its sum.
import { rmsNorm } from '../../reference/operators.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import { normAdditions } from '../layernorm/expected.ts';
import type { RmsnormInputs } from './operands.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;
/** The smallest normal f32: below it an adapter may flush to zero. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * Computes out[M, C] and its first-order bound, u = 2^-24. All terms of the sum are positive, so a chain of n fused additions errs by
 * n u of the sum at most; the division of the mean by 5 u and the addition of epsilon by u. That moves the square root by half, to
 * which WGSL's accuracy of sqrt and of its reciprocal adds 2 · (3 + 2.5) u; two products follow.
 *
 * @param numAdditions longest chain of additions in a sum of C terms; by default that of `rmsnorm`.
 */
export function expectedRmsnorm(
  { x, gamma, eps: epsilon }: RmsnormInputs,
  numAdditions: number = normAdditions(gamma.length),
): Expected {
  const C = gamma.length;
  const want = rmsNorm(new Float64Array(x), new Float64Array(gamma), { M: x.length / C, C, epsilon });
  const relative = ((numAdditions + 6) / 2 + 11 + 2) * U;
  return { want, tolerance: want.map((value) => relative * Math.abs(value) + SMALLEST_NORMAL), toNumbers: floatsOf };
}
