// The plain form of the matmul: a loop over k for each element, with the bits of the fast one.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * out[M, N] = x[M, K] · w[K, N] + bias[N], row-major f32, one lane an element: the plain form of `matmul`, to read first
 * and to test by. It gives the same bits.
 */
export const matmulNaive = defineKernel({
  name: 'matmul_naive',
  bindings: { x: read('M', 'K'), w: read('K', 'N'), bias: read('N'), out: write('M', 'N') },
  params: { M: 'u32', K: 'u32', N: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ M, N }, { overrides: { LANES } }) => [ceilDiv(N, LANES), M, 1],
  cost: ({ M, N, K }) => ({
    bytes: 4 * (M * K + K * N + N + M * N),
    loads: 2 * M * K * N,
    flops: 2 * M * K * N,
  }),
});
