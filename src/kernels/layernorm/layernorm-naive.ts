// The plain form of layer norm, to read first: what the fast one computes, without lanes that share a row.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Row layer norm, one lane a row: out[N, C] from x[N, C], gamma[C], beta[C]. Its sums run in another order than those of
 * `layernorm`, so that the bits may differ.
 */
export const layernormNaive = defineKernel({
  name: 'layernorm_naive',
  bindings: { x: read('N', 'C'), gamma: read('C'), beta: read('C'), out: write('N', 'C') },
  params: { N: 'u32', C: 'u32', eps: 'f32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ N }, { overrides: { LANES } }) => [ceilDiv(N, LANES), 1, 1],
  // x is loaded three times, gamma and beta in each row.
  cost: ({ N, C }) => ({ bytes: 4 * (2 * N * C + 2 * C), loads: 5 * N * C, flops: 8 * N * C }),
});
