// A matmul that sums in another order, for chosen variants or sizes: the positive control of tests that compare bits.
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { mutant } from './mutant.ts';

const IN_ORDER = 'return fma(vec4f(a.w), rows[3], fma(vec4f(a.z)';
const EVEN_AND_ODD =
  'fma(vec4f(a.z), rows[2], fma(vec4f(a.x), rows[0], sum)) + fma(vec4f(a.w), rows[3], vec4f(a.y) * rows[1])';

/** The matmul that sums even and odd k of each quad apart where `condition`, in WGSL, holds. */
export function matmulOfOtherOrder(condition = 'true'): typeof matmul {
  return mutant(matmul, [[IN_ORDER, `if (${condition}) { return ${EVEN_AND_ODD}; }\n  ${IN_ORDER}`]]);
}
