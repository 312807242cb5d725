// The plain form of attention: no tiles, no cache, nothing shared.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { NO_WINDOW, refuseWindow } from './attention.ts';

/**
 * Causal attention of one sequence: out[T, H·D] from qkv[T, (H + 2·G)·D], H = G·SHARE, scores q · k · scale, one lane an element:
 * the plain form of `attention`, to read first and to test by. Its sums run in another order than those of `attention`. A token
 * sees the last `window` keys up to its own, or all.
 */
export const attentionNaive = defineKernel({
  name: 'attention_naive',
  bindings: {
    qkv: read('T', ({ G, SHARE, D }: Sizes<'G' | 'SHARE' | 'D'>) => G * (SHARE + 2) * D),
    out: write('T', ({ G, SHARE, D }: Sizes<'G' | 'SHARE' | 'D'>) => G * SHARE * D),
  },
  params: { T: 'u32', G: 'u32', D: 'u32', window: 'u32', scale: 'f32' },
  defaults: { window: NO_WINDOW },
  constants: () => ({ SHARE: 1 }),
  overrides: () => ({ LANES: 64 }),
  accepts: ({ window }) => refuseWindow(window),
  workgroups: ({ T, G, D }, { constants: { SHARE }, overrides: { LANES } }) => [ceilDiv(G * SHARE * D, LANES), T, 1],
  // Half of the T² scores, each found twice by every one of D elements from D pairs of words; and a word of v.
  cost: ({ T, G, SHARE, D }) => ({
    bytes: 8 * T * G * (SHARE + 1) * D,
    loads: T * T * G * SHARE * D * (2 * D + 0.5),
    flops: 2 * T * T * G * SHARE * D * (D + 1),
  }),
});
