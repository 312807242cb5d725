// Workloads of the attention kernels: their work goes by the keys of each sequence, which no size of a dispatch tells. So
// contexts make their contents, their names and their cost.
import type { Cost, Sizes, Variant } from '../../gpu/kernel-spec.ts';
import { uniforms } from '../../util/random-values.ts';
import type { KernelWorkloads, Workload } from '../kernel-workload.ts';
import { blockTablesOf, type CacheBlocks, positionsOf, type StepTokens, sequenceIndexOf } from '../step-tokens.ts';
import { attention, attentionFold, attentionSplit } from './attention.ts';
import { attentionNaive } from './attention-naive.ts';
import { queryTiles, rowHeads, tileTokens } from './query-tiles.ts';

/** Numbers of the cache before they repeat. */
const CACHED_NUMBERS = 2 ** 16;
/** Bound of those numbers. */
export const CACHED_SCALE = 0.1;

/**
 * Cost of attention over a step in tiles of ROWS rows: each key and value comes from memory once, and each workgroup of a tile
 * loads those that its last row sees; a row's scores and its sum of values are two multiply-adds a visible key and channel.
 */
export function attentionCost(
  { H, SHARE, D, W, ROWS, GROUP_KEYS }: Sizes<'H' | 'SHARE' | 'D' | 'W' | 'ROWS' | 'GROUP_KEYS'>,
  { sequences, queries, context }: StepTokens,
): Cost {
  const visibleKeys = sequences * queries * (context - (queries - 1) / 2);
  const keyWords = 2 * H * W;
  const heads = rowHeads({ SHARE, GROUP_KEYS });
  const tokens = tileTokens({ ROWS, SHARE, GROUP_KEYS });
  let loadedKeys = 0;
  for (let end = tokens; end < queries + tokens; end += tokens)
    loadedKeys += context - queries + Math.min(end, queries);
  return {
    bytes: 4 * keyWords * sequences * context + 8 * H * SHARE * D * sequences * queries,
    loads: (SHARE / heads) * keyWords * sequences * loadedKeys,
    flops: 4 * H * SHARE * D * visibleKeys,
  };
}

/** Workloads of `attention`: decode rows, by their context, or a prompt. */
export const attentionWorkloads: KernelWorkloads<typeof attention.spec> = {
  kernel: attention,
  list: ({ dims, use }, step) => [overCache(dims, step, use === 'prefill' ? use : undefined)],
  // A decode row has no neighbours to share a tile with.
  suits: ({ constants: { ROWS = 1, SHARE = 1, GROUP_KEYS = 0 } }, { queries }) =>
    queries > 1 || tileTokens({ ROWS, SHARE, GROUP_KEYS }) === 1,
  cost: attentionCost,
};

/** Workload of `attention_split`, whose partial results are written too. */
export const attentionSplitWorkloads: KernelWorkloads<typeof attentionSplit.spec> = {
  kernel: attentionSplit,
  list: ({ dims }, step) => [overCache(dims, step)],
  cost: (dims, step) => {
    const { count, H, SHARE, splits, D } = dims;
    const { bytes, ...others } = attentionCost(dims, step);
    return { ...others, bytes: bytes + 4 * count * H * SHARE * splits * (D + 2) };
  },
};

/** Workload of `attention_fold`: tokens that have all splits. */
export const attentionFoldWorkloads: KernelWorkloads<typeof attentionFold.spec> = {
  kernel: attentionFold,
  list: ({ dims: { Z } }, step) => [
    { name: `${Z} splits`, inputs: () => ({ data: { positions: positionsOf(step) } }) },
  ],
};

/** Workload of `attention_naive`, which takes any numbers: its tokens are one prompt. */
export const attentionNaiveWorkloads: KernelWorkloads<typeof attentionNaive.spec> = {
  kernel: attentionNaive,
  list: () => [{ name: 'prefill', inputs: () => ({ data: {} }) }],
};

/** Inputs that both kernels over the cache have. */
type CacheReader = typeof attention.spec | typeof attentionSplit.spec;

function overCache(
  cache: CacheBlocks,
  step: StepTokens,
  name: string = `decode, ${step.context} keys`,
): Workload<CacheReader> {
  const { sequences, queries } = step;
  return {
    name,
    inputs: ({ conditions, constants: { ROWS = 1, SHARE = 1, GROUP_KEYS = 0 } }) => {
      const tokens = tileTokens({ ROWS, SHARE, GROUP_KEYS });
      const tiles = queryTiles(new Array<number>(sequences).fill(queries), tokens);
      const count = tiles.length / 2;
      return {
        data: {
          kv: cachedWords(conditions),
          query_tiles: Int32Array.from(tiles),
          positions: positionsOf(step),
          sequence_index: sequenceIndexOf(step),
          block_tables: blockTablesOf(step, cache),
        },
        sizes: { Q: count, count },
      };
    },
  };
}

/** Words that hold numbers in the storage of the cache. */
function cachedWords({ KV_F16 }: Variant['conditions']): Uint32Array {
  const numbers = uniforms(2, CACHED_NUMBERS, CACHED_SCALE);
  return new Uint32Array((KV_F16 ? new Float16Array(numbers) : numbers).buffer);
}
