// The plain form of attention: no tiles, no cache, nothing shared.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Causal attention of one sequence: out[T, H·D] from qkv[T, 3·H·D], scores q · k · scale, one lane an element: the plain
 * form of `attention`, to read first and to test by. Its sums run in another order than those of `attention`.
 */
export const attentionNaive = defineKernel({
  name: 'attention_naive',
  bindings: {
    qkv: read('T', ({ H, D }: Sizes<'H' | 'D'>) => 3 * H * D),
    out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { T: 'u32', H: 'u32', D: 'u32', scale: 'f32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ T, H, D }, { overrides: { LANES } }) => [ceilDiv(H * D, LANES), T, 1],
  // Half of the T² scores, each found twice by every one of D elements from D pairs of words; and a word of v.
  cost: ({ T, H, D }) => ({
    bytes: 16 * T * H * D,
    loads: T * T * H * D * (2 * D + 0.5),
    flops: 2 * T * T * H * D * (D + 1),
  }),
});
