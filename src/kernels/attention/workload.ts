// Workloads of the attention kernels: their work goes by the keys of each sequence, which no size of a dispatch tells. So
// contexts make their contents, their names and their cost.
import type { Cost, Sizes, Variant } from '../../gpu/kernel-spec.ts';
import { uniforms } from '../../util/random-values.ts';
import type { KernelWorkloads, Workload } from '../kernel-workload.ts';
import { blockTablesOf, type CacheBlocks, positionsOf, type StepTokens, sequenceIndexOf } from '../step-tokens.ts';
import { attention, attentionFold, attentionSplit } from './attention.ts';
import { attentionNaive } from './attention-naive.ts';
import { queryTiles } from './query-tiles.ts';

/** Numbers of the cache before they repeat. */
const CACHED_NUMBERS = 2 ** 16;
/** Bound of those numbers. */
export const CACHED_SCALE = 0.1;

/**
 * Cost of attention over a step: each key and value comes from memory once, and each workgroup of a tile loads those that one of
 * its rows sees; a row's scores and its sum of values are two multiply-adds a visible key and channel.
 */
export function attentionCost(
  dims: Sizes<'G' | 'SHARE' | 'D' | 'W' | 'ROWS' | 'tileTokens' | 'window'>,
  { sequences, queries, context }: StepTokens,
): Cost {
  const { G, SHARE, D, W, ROWS, tileTokens, window } = dims;
  const before = context - queries;
  /** Counts the keys that some of the queries from `first` to `last` see. */
  const seenBy = (first: number, last: number) => before + last + 1 - Math.max(0, before + first + 1 - window);
  let [visibleKeys, loadedKeys] = [0, 0];
  for (let query = 0; query < queries; query++) visibleKeys += seenBy(query, query);
  for (let start = 0; start < queries; start += tileTokens) {
    const rows = Math.min(tileTokens, queries - start) * SHARE;
    for (let row = 0; row < rows; row += ROWS) {
      const last = Math.min(row + ROWS, rows) - 1;
      loadedKeys += seenBy(start + Math.floor(row / SHARE), start + Math.floor(last / SHARE));
    }
  }
  const keyWords = 2 * G * W;
  return {
    bytes: 4 * keyWords * sequences * seenBy(0, queries - 1) + 8 * G * SHARE * D * sequences * queries,
    loads: keyWords * sequences * loadedKeys,
    flops: 4 * G * SHARE * D * sequences * visibleKeys,
  };
}

/** Returns false for rows of a workgroup of which half are idle in every tile of a step. */
function suitsTiles({ constants: { ROWS = 1, SHARE = 1 } }: Variant, { queries }: StepTokens): boolean {
  return queries > 1 || ROWS < 2 * SHARE;
}

/** Workloads of `attention`: decode rows, by their context, or a prompt. */
export const attentionWorkloads: KernelWorkloads<typeof attention.spec> = {
  kernel: attention,
  list: ({ dims, use }, step) => [overCache(dims, step, use === 'prefill' ? use : undefined)],
  suits: suitsTiles,
  cost: attentionCost,
};

/** Workload of `attention_split`, whose partial results are written too. */
export const attentionSplitWorkloads: KernelWorkloads<typeof attentionSplit.spec> = {
  kernel: attentionSplit,
  list: ({ dims }, step) => [overCache(dims, step)],
  suits: suitsTiles,
  cost: (dims, step) => {
    const { count, G, SHARE, splits, D } = dims;
    const { bytes, ...others } = attentionCost(dims, step);
    return { ...others, bytes: bytes + 4 * count * G * SHARE * splits * (D + 2) };
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
  { tileTokens, ...cache }: CacheBlocks & Sizes<'tileTokens'>,
  step: StepTokens,
  name: string = `decode, ${step.context} keys`,
): Workload<CacheReader> {
  const { sequences, queries } = step;
  return {
    name,
    inputs: ({ conditions }) => {
      const tiles = queryTiles(new Array<number>(sequences).fill(queries), tileTokens);
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
