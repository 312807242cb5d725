// A matmul that sums in another order, for chosen variants: the positive control of tests that compare bits.
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { mutant } from './mutant.ts';

/** Makes a matmul that sums even and odd k apart in the variants for which `condition` holds, in WGSL. */
export function matmulOfOtherOrder(condition: string): typeof matmul {
  return mutant(matmul, [
    ['var sum = acc[t * ROWS + r];', 'var sum = acc[t * ROWS + r]; var odd = vec4f();'],
    [
      'sum = fma(vec4f(x_of_k), quads_of_w[i], sum);',
      `if ((${condition}) && i % 2u == 1u) { odd = fma(vec4f(x_of_k), quads_of_w[i], odd); }
       else { sum = fma(vec4f(x_of_k), quads_of_w[i], sum); }`,
    ],
    ['acc[t * ROWS + r] = sum;', 'acc[t * ROWS + r] = sum + odd;'],
  ]);
}
