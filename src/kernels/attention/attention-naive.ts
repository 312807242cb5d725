// The plain form of attention: no tiles, no cache, nothing shared.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Causal attention of one sequence: out[S, H·D] from qkv[S, 3·H·D], scores q · k · scale, one lane an element: the plain
 * form of `attention`, to read first and to test by. Its sums run in another order than those of `attention`.
 */
export const attentionNaive = defineKernel({
  name: 'attention_naive',
  bindings: {
    qkv: read('S', ({ H, D }: Sizes<'H' | 'D'>) => 3 * H * D),
    out: write('S', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { S: 'u32', H: 'u32', D: 'u32', scale: 'f32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ S, H, D }, { overrides: { LANES } }) => [ceilDiv(H * D, LANES), S, 1],
  // Half of the S² scores, each found twice by every one of D elements from D pairs of words; and a word of v.
  cost: ({ S, H, D }) => ({
    bytes: 16 * S * H * D,
    loads: S * S * H * D * (2 * D + 0.5),
    flops: 2 * S * S * H * D * (D + 1),
  }),
});
