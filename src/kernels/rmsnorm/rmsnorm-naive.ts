// The plain form of the RMS norm, to read first: what the fast one computes, without lanes that share a row.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Row RMS norm, one lane a row: out[M, C] from x[M, C], gamma[C]. Its sum runs in another order than that of `rmsnorm`, so that the
 * bits may differ.
 */
export const rmsnormNaive = defineKernel({
  name: 'rmsnorm_naive',
  bindings: { x: read('M', 'C'), gamma: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ M }, { overrides: { LANES } }) => [ceilDiv(M, LANES), 1, 1],
  // x is loaded twice, gamma in each row.
  cost: ({ M, C }) => ({ bytes: 4 * (2 * M * C + C), loads: 3 * M * C, flops: 4 * M * C }),
});
