// The plain form of the epilogue SILU_MUL, to read first: gates and what they scale, of a matmul that has no epilogue.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * out[m, o] = silu(x[m, 2o]) · x[m, 2o + 1], one lane an element: out[M, O] from x[M, 2 · O]. After `matmul` it gives the
 * bits of `matmul` with SILU_MUL.
 */
export const siluMulNaive = defineKernel({
  name: 'silu_mul_naive',
  bindings: { x: read('M', ({ O }: Sizes<'O'>) => 2 * O), out: write('M', 'O') },
  params: { O: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ M, O }, { overrides: { LANES } }) => [ceilDiv(O, LANES), M, 1],
  cost: ({ M, O }) => ({ bytes: 12 * M * O, flops: 5 * M * O }),
});
