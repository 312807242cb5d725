// Layer norm: brings each row to mean 0 and variance 1. A fixed number of lanes shares a row, so its bits depend on it alone.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';

/** Row layer norm: out[M, C] from x[M, C], gamma[C], beta[C]; f32 sums in two passes over a fixed number of lanes. */
export const layernorm = defineKernel({
  name: 'layernorm',
  bindings: { x: read('M', 'C'), gamma: read('C'), beta: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  workgroups: ({ M }) => [M, 1, 1],
  // x is loaded three times, gamma and beta in each row.
  cost: ({ M, C }) => ({ bytes: 4 * (2 * M * C + 2 * C), loads: 5 * M * C, flops: 8 * M * C }),
});
