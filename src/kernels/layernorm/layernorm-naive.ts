// The plain form of layer norm, to read first: what the fast one computes, without lanes that share a row.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Row layer norm, one lane a row: out[M, C] from x[M, C], gamma[C], beta[C]. Its sums run in another order than those of
 * `layernorm`, so that the bits may differ.
 */
export const layernormNaive = defineKernel({
  name: 'layernorm_naive',
  bindings: { x: read('M', 'C'), gamma: read('C'), beta: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ M }, { overrides: { LANES } }) => [ceilDiv(M, LANES), 1, 1],
  // x is loaded three times, gamma and beta in each row.
  cost: ({ M, C }) => ({ bytes: 4 * (2 * M * C + 2 * C), loads: 5 * M * C, flops: 8 * M * C }),
});
