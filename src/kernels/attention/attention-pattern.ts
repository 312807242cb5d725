// Attention taken apart at its probabilities, for those who read or change them: rows that nobody changed keep the bits that
// `attention` gave them.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { kvDType, kvRowWords } from '../kv-write/kv-write.ts';
import { NO_WINDOW, refuseWindow } from './attention.ts';

/** The paged cache, and the place of each token in it. */
const cache = {
  kv: read.u32('B', 2, 'G', 'P', 'W'),
  positions: read.i32('T'),
  sequence_index: read.i32('T'),
  block_tables: read.i32('S', 'A'),
};
const params = { T: 'u32', H: 'u32', G: 'u32', X: 'u32', A: 'u32', P: 'u32', W: 'u32', window: 'u32' } as const;

/** Names what is wrong with heads, rows of the cache or the window, or null. */
function refuseSizes(
  { H, G, D, W, window }: Sizes<'H' | 'G' | 'D' | 'W' | 'window'>,
  conditions: Readonly<Record<string, boolean>>,
): string | null {
  const words = kvRowWords(D, kvDType(conditions));
  if (H % G !== 0) return `pattern has ${H} heads, expected a multiple of the ${G} of kv`;
  return W === words ? refuseWindow(window) : `kv has rows of ${W} words, expected ${words} for D = ${D}`;
}

/**
 * Probabilities pattern[H, T, X] of causal attention over the paged cache, whose X keys are those of one sequence; operands
 * and scalars as those of `attention`. Keys that a token does not see have 0.
 */
export const attentionPattern = defineKernel({
  name: 'attention_pattern',
  bindings: {
    qkv: read('T', ({ H, G, D }: Sizes<'H' | 'G' | 'D'>) => (H + 2 * G) * D),
    ...cache,
    pattern: write('H', 'T', 'X'),
  },
  params: { ...params, scale: 'f32' },
  defaults: { window: NO_WINDOW },
  conditions: () => ({ KV_F16: false }),
  constants: () => ({ D: 64, LANES: 64 }),
  accepts: (dims, { conditions }) => refuseSizes(dims, conditions),
  workgroups: ({ H, T }) => [H, T, 1],
  cost: ({ H, T, X, D }) => ({ bytes: 4 * H * T * (D + X), loads: H * T * X * D, flops: 2 * H * T * X * D }),
});

/**
 * Puts the sums of values by pattern[H, T, X] into out[T, H·D], in the rows where a probability of a seen key has other bits than
 * original[H, T, X]: the other rows of `out` stay as they are.
 */
export const attentionEdited = defineKernel({
  name: 'attention_edited',
  bindings: {
    ...cache,
    pattern: read('H', 'T', 'X'),
    original: read('H', 'T', 'X'),
    out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { ...params, D: 'u32' },
  defaults: { window: NO_WINDOW },
  conditions: () => ({ KV_F16: false }),
  overrides: () => ({ LANES: 64 }),
  accepts: (dims, { conditions }) => refuseSizes(dims, conditions),
  workgroups: ({ H, T }) => [H, T, 1],
  cost: ({ H, T, X, D }) => ({ bytes: 4 * H * T * (2 * X + D), loads: H * T * X * D, flops: 2 * H * T * X * D }),
});
