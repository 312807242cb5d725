// Attention over the paged cache, whole or in splits that are folded: a row has the same bits in all of them.
import type { DeviceTraits } from '../../gpu/device.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import type { ReductionClass } from '../../gpu/reduction.ts';
import { ceilDiv } from '../../util/math.ts';
import { kvDType, kvRowWords } from '../kv-write/kv-write.ts';
import { REDUCTIONS } from '../reductions.ts';
import { rowHeads } from './query-tiles.ts';

/** Keys between two rescalings, a tile. It belongs to the reduction class: another value gives other bits. */
export const TILE_KEYS = 32;

const inputs = {
  qkv: read('T', ({ H, SHARE, D }: Sizes<'H' | 'SHARE' | 'D'>) => H * (SHARE + 2) * D),
  kv: read.u32('B', 2, 'H', 'P', 'W'),
  query_tiles: read.i32('Q', 2),
  positions: read.i32('T'),
  sequence_index: read.i32('T'),
  block_tables: read.i32('S', 'A'),
};
const params = { A: 'u32', H: 'u32', P: 'u32', W: 'u32', first: 'u32', scale: 'f32' } as const;

/** Keys of splits and of their groups. */
function splitConstants({ reduction }: Pick<DeviceTraits, 'reduction'>) {
  const { splitKeys, groupKeys } = REDUCTIONS[reduction];
  return { SPLIT_KEYS: splitKeys, GROUP_KEYS: groupKeys };
}

/** Counts the loads under way in a lane: a GPU waits long for each, a processor compiles each. */
function loadsOf({ isSoftware, reduction }: DeviceTraits): number {
  return reduction === 'gpu' && !isSoftware ? 8 : 1;
}

function constants(traits: DeviceTraits) {
  const isSplitFinely = traits.reduction === 'gpu';
  const LANES = isSplitFinely ? 2 * TILE_KEYS : traits.isSoftware ? 8 : TILE_KEYS;
  return { D: 64, SHARE: 1, ROWS: 1, LANES, LOADS: loadsOf(traits), KEYS: TILE_KEYS, ...splitConstants(traits) };
}

type AttentionVariant = VariantOf<'SPLIT' | 'KV_F16' | 'SUBGROUPS', keyof ReturnType<typeof constants>, never>;

/** Tells whether the default number of lanes is sure to lie in one subgroup, and hands over in it. */
function sharesSubgroup(traits: DeviceTraits): boolean {
  return traits.reduction === 'software' && constants(traits).LANES <= traits.minSubgroupSize;
}

/** Lists the values of tunables that a class has: whole tiles lie side by side, and only a GPU waits for loads. */
function valuesOf(reduction: ReductionClass, SPLIT: boolean): Readonly<Record<string, readonly number[]>> {
  return reduction === 'gpu' ? { LANES: [2 * TILE_KEYS] } : { ROWS: SPLIT ? [1] : [1, 4, 8], LOADS: [1] };
}

function supports(
  { conditions: { SPLIT, SUBGROUPS }, constants: sizes }: AttentionVariant,
  { reduction, minSubgroupSize }: Pick<DeviceTraits, 'reduction' | 'minSubgroupSize'>,
): string | null {
  const ofClass = `in the reduction class ${reduction}`;
  const values: Readonly<Record<string, number>> = sizes;
  for (const [name, allowed] of Object.entries(valuesOf(reduction, SPLIT))) {
    if (!allowed.includes(values[name] ?? 0)) {
      return `${name} is ${values[name]}, expected ${allowed.join(' or ')} ${ofClass}`;
    }
  }
  const heads = rowHeads(sizes);
  if (sizes.ROWS % heads !== 0) return `ROWS is ${sizes.ROWS}, expected a multiple of SHARE, ${heads}, ${ofClass}`;
  if (SUBGROUPS && reduction === 'gpu') return `SUBGROUPS is true, expected false ${ofClass}`;
  return SUBGROUPS && sizes.LANES > minSubgroupSize
    ? `LANES is ${sizes.LANES}, with SUBGROUPS expected at most the ${minSubgroupSize} lanes of a subgroup`
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

/** Counts the workgroups of a head of keys. */
function headsApart(sizes: Sizes<'SHARE' | 'GROUP_KEYS'>): number {
  return sizes.SHARE / rowHeads(sizes);
}

/**
 * In the class `gpu` tiles lie side by side. In the other, lanes of one subgroup hand over by shuffles, others through
 * workgroup memory.
 */
const shader = {
  GROUP_KEYS: 'attention_abreast',
  SUBGROUPS: 'attention_subgroup',
  otherwise: 'attention_shared',
} as const;

/**
 * Causal attention of `count` query tiles from `first` on, over the paged cache: out[T, H·SHARE·D] from qkv[T, H·(SHARE + 2)·D]
 * and kv[B, 2, H, P, W]. A query tile is (first token, number of tokens) of one sequence; its tokens have ROWS rows at most.
 *
 * A row's bits depend on its own keys and position only: not on ROWS, LANES, its tile or the batch.
 */
export const attention = defineKernel({
  name: 'attention',
  shader,
  bindings: { ...inputs, out: write('T', ({ H, SHARE, D }: Sizes<'H' | 'SHARE' | 'D'>) => H * SHARE * D) },
  params,
  extras: ['count'],
  defaults: { first: 0 },
  conditions: (traits) => ({ SPLIT: false, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1, 2, 4, 8], LANES: [8, 32, 64], LOADS: [1, 8, 16] },
  accepts,
  workgroups: ({ count, H }, { constants }) => [count, H * headsApart(constants), 1],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, H, SHARE, D }) => ({ bytes: 8 * count * H * SHARE * D, flops: 4 * count * H * SHARE * D }),
});

/**
 * As `attention`, with a workgroup for each split of the keys: leaves partials[U, H·SHARE, Z, D + 2] for
 * `attentionFold`, which gives the same bits as `attention`.
 */
export const attentionSplit = defineKernel({
  name: 'attention_split',
  shader,
  bindings: {
    ...inputs,
    partials: write(
      'U',
      ({ H, SHARE }: Sizes<'H' | 'SHARE'>) => H * SHARE,
      'Z',
      ({ D }: Sizes<'D'>) => D + 2,
    ),
  },
  params: { ...params, Z: 'u32' },
  extras: ['count', 'splits'],
  defaults: { first: 0 },
  conditions: (traits) => ({ SPLIT: true, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1, 2, 4, 8], LANES: [8, 32, 64], LOADS: [1, 8, 16] },
  accepts,
  workgroups: ({ count, H, splits }, { constants }) => [count, H * headsApart(constants), splits],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, H, SHARE, D }) => ({ bytes: 8 * count * H * SHARE * D, flops: 4 * count * H * SHARE * D }),
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
  constants: (traits) => ({ ...splitConstants(traits), LOADS: loadsOf(traits) }),
  overrides: () => ({ LANES: 32 }),
  workgroups: ({ count, H, D }, { overrides: { LANES } }) => [ceilDiv(D, LANES), H, count],
  // An element takes m, l and its own o from each split.
  cost: ({ count, H, Z, D }) => ({
    bytes: 4 * count * H * (Z * (D + 2) + D),
    loads: 3 * count * H * Z * D,
    flops: 4 * count * H * Z * D,
  }),
});
