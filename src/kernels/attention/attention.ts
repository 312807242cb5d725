// Attention over the paged cache, whole or in splits that are folded: a row has the same bits in all of them.
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import type { ReductionClass } from '../../gpu/reduction.ts';
import { ceilDiv } from '../../util/math.ts';
import { kvDType, kvRowWords } from '../kv-write/kv-write.ts';
import { MAX_SHARED_BYTES } from '../matmul/matmul.ts';
import { REDUCTIONS } from '../reductions.ts';
import { abreastBytes, handedBytes } from './shared-bytes.ts';

/** Keys between two rescalings, a tile. It belongs to the reduction class: another value gives other bits. */
export const TILE_KEYS = 32;

/** Window of queries that see all keys up to their own: more than any context has, and the most that a kernel takes. */
export const NO_WINDOW = 2 ** 31;

const inputs = {
  qkv: read('T', 'O'),
  kv: read.u32('B', 2, 'G', 'P', 'W'),
  query_tiles: read.i32('Q', 2),
  positions: read.i32('T'),
  sequence_index: read.i32('T'),
  block_tables: read.i32('S', 'A'),
};
const params = { A: 'u32', G: 'u32', P: 'u32', W: 'u32', first: 'u32', window: 'u32', scale: 'f32' } as const;
/** All tiles, and all keys. */
const defaults = { first: 0, window: NO_WINDOW };

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
const VALUES: Readonly<Record<ReductionClass, Readonly<Record<string, readonly number[]>>>> = {
  software: { LOADS: [1] },
  gpu: { LANES: [2 * TILE_KEYS] },
};

function supports(
  { conditions: { SUBGROUPS, ...others }, constants: sizes }: AttentionVariant,
  { reduction, minSubgroupSize }: Pick<DeviceTraits, 'reduction' | 'minSubgroupSize'>,
): string | null {
  const ofClass = `in the reduction class ${reduction}`;
  const values: Readonly<Record<string, number>> = sizes;
  for (const [name, allowed] of Object.entries(VALUES[reduction])) {
    if (!allowed.includes(values[name] ?? 0)) {
      return `${name} is ${values[name]}, expected ${allowed.join(' or ')} ${ofClass}`;
    }
  }
  const bytes = (reduction === 'gpu' ? abreastBytes : handedBytes)(sizes, kvDType(others));
  if (bytes > MAX_SHARED_BYTES) {
    return `D is ${sizes.D} and ROWS ${sizes.ROWS}, which take ${bytes} bytes of the ${MAX_SHARED_BYTES} shared`;
  }
  if (SUBGROUPS && reduction === 'gpu') return `SUBGROUPS is true, expected false ${ofClass}`;
  return SUBGROUPS && sizes.LANES > minSubgroupSize
    ? `LANES is ${sizes.LANES}, with SUBGROUPS expected at most the ${minSubgroupSize} lanes of a subgroup`
    : null;
}

/** Names what is wrong with a window, or null. */
export function refuseWindow(window: number): string | null {
  return window >= 1 && window <= NO_WINDOW ? null : `window is ${window}, expected 1 to ${NO_WINDOW}`;
}

function accepts(
  {
    O,
    G,
    SHARE,
    D,
    W,
    first,
    count,
    window,
    Q,
  }: Sizes<'O' | 'G' | 'SHARE' | 'D' | 'W' | 'first' | 'count' | 'window' | 'Q'>,
  variant: AttentionVariant,
): string | null {
  const words = kvRowWords(D, kvDType(variant.conditions));
  if (W !== words) return `kv has rows of ${W} words, expected ${words} for D = ${D}`;
  const columns = G * (SHARE + 2) * D;
  if (O !== columns) return `qkv has ${O} columns, expected ${columns} for G = ${G}, SHARE = ${SHARE}, D = ${D}`;
  return (
    refuseWindow(window) ??
    (first + count > Q ? `tiles [${first}, ${first + count}) are beyond the ${Q} query tiles` : null)
  );
}

/** Counts the workgroups of a query tile: they share out the rows of each head of keys. */
function workgroupsOfTile(
  { G, tileTokens }: Sizes<'G' | 'tileTokens'>,
  { SHARE, ROWS }: Sizes<'SHARE' | 'ROWS'>,
): number {
  return G * ceilDiv(tileTokens * SHARE, ROWS);
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
 * Causal attention of `count` query tiles from `first` on, over the paged cache: out[T, H·D] from qkv[T, O] and
 * kv[B, 2, G, P, W], H = G·SHARE, O = (H + 2·G)·D: query heads g·SHARE to g·SHARE + SHARE - 1 share head g of keys and values. A query tile is
 * (first token, number of tokens) of one sequence, `tileTokens` tokens at most; ROWS of its tokens' heads share a workgroup. A token
 * at position p sees the keys j with p - window < j <= p, all up to its own without a window; keys that no row of a workgroup
 * sees are not read, and their blocks may belong to others.
 *
 * A row's bits depend on its own keys and position only: not on ROWS, LANES, its tile or the batch.
 */
export const attention = defineKernel({
  name: 'attention',
  shader,
  bindings: { ...inputs, out: write('T', ({ G, SHARE, D }: Sizes<'G' | 'SHARE' | 'D'>) => G * SHARE * D) },
  params,
  extras: ['count', 'tileTokens'],
  defaults,
  conditions: (traits) => ({ SPLIT: false, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1, 2, 4, 8], LANES: [8, 32, 64], LOADS: [1, 8, 16] },
  accepts,
  workgroups: ({ count, ...dims }, { constants }) => [count, workgroupsOfTile(dims, constants), 1],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, G, SHARE, D }) => ({ bytes: 8 * count * G * SHARE * D, flops: 4 * count * G * SHARE * D }),
});

/**
 * As `attention`, with a workgroup for each split of the keys: leaves partials[U, H, Z, D + 2] for
 * `attentionFold`, which gives the same bits as `attention`.
 */
export const attentionSplit = defineKernel({
  name: 'attention_split',
  shader,
  bindings: {
    ...inputs,
    partials: write(
      'U',
      ({ G, SHARE }: Sizes<'G' | 'SHARE'>) => G * SHARE,
      'Z',
      ({ D }: Sizes<'D'>) => D + 2,
    ),
  },
  params: { ...params, Z: 'u32' },
  extras: ['count', 'tileTokens', 'splits'],
  defaults,
  conditions: (traits) => ({ SPLIT: true, KV_F16: false, SUBGROUPS: sharesSubgroup(traits) }),
  constants,
  supports,
  tunables: { ROWS: [1, 2, 4, 8], LANES: [8, 32, 64], LOADS: [1, 8, 16] },
  accepts,
  workgroups: ({ count, splits, ...dims }, { constants }) => [count, workgroupsOfTile(dims, constants), splits],
  // Keys and values in the cache are left out: no size tells how many a row reads.
  cost: ({ count, G, SHARE, D }) => ({ bytes: 8 * count * G * SHARE * D, flops: 4 * count * G * SHARE * D }),
});

/** out[T, H·D] from partials[U, H, Z, D + 2] of the first `count` tokens and the same window; see `attentionSplit`. */
export const attentionFold = defineKernel({
  name: 'attention_fold',
  bindings: {
    partials: read('U', 'H', 'Z', ({ D }: Sizes<'D'>) => D + 2),
    positions: read.i32('T'),
    out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { H: 'u32', D: 'u32', Z: 'u32', window: 'u32' },
  extras: ['count'],
  defaults: { window: NO_WINDOW },
  constants: (traits) => ({ ...splitConstants(traits), LOADS: loadsOf(traits) }),
  overrides: () => ({ LANES: 32 }),
  accepts: ({ window }) => refuseWindow(window),
  workgroups: ({ count, H, D }, { overrides: { LANES } }) => [ceilDiv(D, LANES), H, count],
  // An element takes m, l and its own o from each split.
  cost: ({ count, H, Z, D }) => ({
    bytes: 4 * count * H * (Z * (D + 2) + D),
    loads: 3 * count * H * Z * D,
    flops: 4 * count * H * Z * D,
  }),
});
