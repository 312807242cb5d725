// Attention over the paged cache, whole or in splits that are folded: a row has the same bits in all of them.
import type { DeviceTraits } from '../../gpu/device.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { kvDType, kvRowWords } from '../kv-write/kv-write.ts';

/** Keys between two restarts of the running softmax: `SPLIT_KEYS` of shaders/softmax_fold.wgsl. */
export const SPLIT_KEYS = 256;
/** Keys between two rescalings, a tile. It belongs to the reduction class: another value gives other bits. */
export const TILE_KEYS = 32;

const inputs = {
  qkv: read('T', ({ H, D }: Sizes<'H' | 'D'>) => 3 * H * D),
  kv: read.u32('B', 2, 'H', 'P', 'W'),
  query_tiles: read.i32('Q', 2),
  positions: read.i32('T'),
  sequence_index: read.i32('T'),
  block_tables: read.i32('S', 'A'),
};
const params = { A: 'u32', H: 'u32', P: 'u32', W: 'u32', first: 'u32', scale: 'f32' } as const;

function constants({ isSoftware }: DeviceTraits) {
  return { D: 64, ROWS: 1, LANES: isSoftware ? 8 : TILE_KEYS, KEYS: TILE_KEYS };
}

type AttentionVariant = VariantOf<'SPLIT' | 'KV_F16' | 'SUBGROUPS', keyof ReturnType<typeof constants>, never>;

/** Tells whether the default number of lanes is sure to lie in one subgroup. */
function sharesSubgroup(traits: DeviceTraits): boolean {
  return constants(traits).LANES <= traits.minSubgroupSize;
}

function supports({ conditions, constants: { LANES } }: AttentionVariant, traits: DeviceTraits): string | null {
  return conditions.SUBGROUPS && LANES > traits.minSubgroupSize
    ? `LANES is ${LANES}, with SUBGROUPS expected at most the ${traits.minSubgroupSize} lanes of a subgroup`
    : null;
}

function accepts(
  { D, W, first, count, Q }: Sizes<'D' | 'W' | 'first' | 'count' | 'Q'>,
  variant: AttentionVariant,
): string | null {
  const words = kvRowWords(D, kvDType(variant.conditions));
  if (W !== words) return `kv has rows of ${W} words, expected ${words} for D = ${D}`;
  return first + count > Q ? `tiles [${first}, ${first + count}) are beyond the ${Q} query tiles` : null;
}

/** Lanes of one subgroup hand over by shuffles, others through workgroup memory. */
const shader = { SUBGROUPS: 'attention_subgroup', otherwise: 'attention_shared' } as const;

/**
 * Causal attention of `count` query tiles from `first` on, over the paged cache: out[T, H·D] from qkv[T, 3·H·D] and
 * kv[B, 2, H, P, W]. A query tile is (first token, number of tokens ≤ ROWS) of one sequence.
 *
 * A row's bits depend on its own keys and position only: not on ROWS, LANES, its tile or the batch.
 */
export const attention = defineKernel({
  name: 'attention',
  shader,
  bindings: { ...inputs, out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D) },
  params,
  extras: ['count'],
  defaults: { first: 0 },
  conditions: (traits) => ({ SPLIT: false, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1, 4, 8], LANES: [8, 32, 64] },
  accepts,
  workgroups: ({ count, H }) => [count, H, 1],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, H, D }) => ({ bytes: 8 * count * H * D, flops: 4 * count * H * D }),
});

/**
 * As `attention`, with a workgroup for each split of SPLIT_KEYS keys: leaves partials[U, H, Z, D + 2] for
 * `attentionFold`, which gives the same bits as `attention`.
 */
export const attentionSplit = defineKernel({
  name: 'attention_split',
  shader,
  bindings: { ...inputs, partials: write('U', 'H', 'Z', ({ D }: Sizes<'D'>) => D + 2) },
  params: { ...params, Z: 'u32' },
  extras: ['count', 'splits'],
  defaults: { first: 0 },
  conditions: (traits) => ({ SPLIT: true, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1], LANES: [8, 32, 64] },
  accepts,
  workgroups: ({ count, H, splits }) => [count, H, splits],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, H, D }) => ({ bytes: 8 * count * H * D, flops: 4 * count * H * D }),
});

/** out[T, H·D] from partials[U, H, Z, D + 2] of the first `count` tokens; see `attentionSplit`. */
export const attentionFold = defineKernel({
  name: 'attention_fold',
  bindings: {
    partials: read('U', 'H', 'Z', ({ D }: Sizes<'D'>) => D + 2),
    positions: read.i32('T'),
    out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { H: 'u32', D: 'u32', Z: 'u32' },
  extras: ['count'],
  overrides: () => ({ LANES: 32 }),
  workgroups: ({ count, H, D }, { overrides: { LANES } }) => [ceilDiv(D, LANES), H, count],
  // An element takes m, l and its own o from each split.
  cost: ({ count, H, Z, D }) => ({
    bytes: 4 * count * H * (Z * (D + 2) + D),
    loads: 3 * count * H * Z * D,
    flops: 4 * count * H * Z * D,
  }),
});
