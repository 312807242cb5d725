import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';

/** Row layer norm: out[N, C] from x[N, C], gamma[C], beta[C]; f32 sums in two passes over a fixed number of lanes. */
export const layernorm = defineKernel({
  name: 'layernorm',
  bindings: { x: read('N', 'C'), gamma: read('C'), beta: read('C'), out: write('N', 'C') },
  params: { N: 'u32', C: 'u32', eps: 'f32' },
  workgroups: ({ N }) => [N, 1, 1],
  // x is loaded three times, gamma and beta in each row.
  cost: ({ N, C }) => ({ bytes: 4 * (2 * N * C + 2 * C), loads: 5 * N * C, flops: 8 * N * C }),
});
