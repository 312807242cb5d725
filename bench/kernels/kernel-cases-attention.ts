import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { allVariants } from '../../src/gpu/kernel-variants.ts';
import { SPLIT_KEYS } from '../../src/kernels/attention/attention.ts';
import { attentionNaive } from '../../src/kernels/attention/attention-naive.ts';
import { scoreScale, tileTensor, tokenTensors } from '../../src/kernels/attention/operands.ts';
import { PREFILL_TILE_ROWS, queryTiles } from '../../src/kernels/attention/query-tiles.ts';
import { kvRowWords } from '../../src/kernels/kv-write/kv-write.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../../src/runtime/runner-sizes.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { type BenchSubject, type KernelCase, SIZES } from './kernel-case.ts';
import { Operands } from './operands.ts';

/** M query rows: the last `queries` of `context` tokens of each of `sequences` sequences. */
interface Batch {
  readonly sequences: number;
  readonly queries: number;
  readonly context: number;
}

/** M decode rows with the keys of one split and with all that the model has, and a prompt of M tokens. */
export function attentionCases(subject: BenchSubject): KernelCase[] {
  const { device, config, kvDtype } = subject;
  const { numHeads: H, headDim: D, hiddenSize: C, numPositions } = config;
  const { attention, attentionSplit, attentionFold } = modelKernels;
  const fixed = { conditions: { KV_F16: kvDtype === 'f16' }, constants: { D } };
  const scale = scoreScale(D);
  const short = Math.min(SPLIT_KEYS, numPositions);
  const Z = ceilDiv(numPositions, SPLIT_KEYS);
  const decodes = (M: number, context: number): Batch => ({ sequences: M, queries: 1, context });
  const partialsShape = (M: number) => [M, H, Z, D + 2];

  const whole = (name: string, M: number, batch: Batch, rows: number): KernelCase => ({
    kernel: attention,
    name,
    M,
    variants: allVariants(attention, device.traits, fixed, [{ constants: { ROWS: rows } }]).filter(
      ({ choice }) => batch.queries > 1 || choice.constants.ROWS === 1,
    ),
    prepare: (owned, { choice }) => {
      const make = new Operands(device, owned);
      const tiles = tilesOf(batch, choice.constants.ROWS ?? 1);
      const tensors = { ...inputs(subject, make, batch, tiles), out: make.empty('f32', M, C) };
      return {
        tensors,
        scalars: { count: tiles.length / 2, scale },
        cost: attentionCost(subject, batch, choice.constants.ROWS),
      };
    },
  });
  return [
    ...SIZES.map((M) => whole(`decode, ${short} keys`, M, decodes(M, short), 1)),
    ...SIZES.map((M) => whole(`decode, ${numPositions} keys`, M, decodes(M, numPositions), 1)),
    ...SIZES.filter((M) => M > 1 && M <= numPositions).map((M) =>
      whole('prefill', M, { sequences: 1, queries: M, context: M }, PREFILL_TILE_ROWS),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: attentionSplit,
        name: `decode, ${numPositions} keys`,
        M,
        variants: allVariants(attentionSplit, device.traits, fixed),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const batch = decodes(M, numPositions);
          const partials = make.empty('f32', ...partialsShape(M));
          const tensors = { ...inputs(subject, make, batch, tilesOf(batch, 1)), partials };
          const cost = attentionCost(subject, batch);
          const bytes = cost.bytes + partials.range.size;
          return { tensors, scalars: { count: M, splits: Z, scale }, cost: { ...cost, bytes } };
        },
      }),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: attentionFold,
        name: `${Z} splits`,
        M,
        variants: allVariants(attentionFold, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          const positions = make.of(new Int32Array(M).fill(numPositions - 1));
          const tensors = { partials: make.floats(...partialsShape(M)), positions, out: make.empty('f32', M, C) };
          return { tensors, scalars: { D, count: M } };
        },
      }),
    ),
    ...SIZES.map(
      (M): KernelCase => ({
        kernel: attentionNaive,
        name: 'prefill',
        M,
        variants: allVariants(attentionNaive, device.traits),
        prepare: (owned) => {
          const make = new Operands(device, owned);
          return { tensors: { qkv: make.floats(M, 3 * C), out: make.empty('f32', M, C) }, scalars: { H, D, scale } };
        },
      }),
    ),
  ];
}

function tilesOf({ sequences, queries }: Batch, ROWS: number): number[] {
  return queryTiles(new Array<number>(sequences).fill(queries), ROWS);
}

/** Sequences take turns with the blocks where the largest binding does not hold as many as they need. */
function inputs({ device, config, kvDtype }: BenchSubject, make: Operands, batch: Batch, tiles: readonly number[]) {
  const { numHeads: H, headDim: D, hiddenSize: C } = config;
  const { sequences, queries, context } = batch;
  const T = sequences * queries;
  const W = kvRowWords(D, kvDtype);
  const A = ceilDiv(context, BLOCK_SIZE);
  const mostBlocks = Math.floor(device.gpu.limits.maxStorageBufferBindingSize / (4 * 2 * H * BLOCK_SIZE * W));
  const numBlocks = Math.min(sequences * A, mostBlocks);
  const tables = Int32Array.from({ length: sequences * A }, (_, i) => i % numBlocks);
  const { positions, sequence_index } = tokenTensors(new Array<Batch>(sequences).fill(batch));
  return {
    qkv: make.floats(T, 3 * C),
    kv: make.packed(kvDtype, numBlocks, 2, H, BLOCK_SIZE, W),
    query_tiles: make.host(tileTensor(tiles)),
    positions: make.host(positions),
    sequence_index: make.host(sequence_index),
    block_tables: make.of(tables, sequences, A),
  };
}

/**
 * Cost of attention over a batch in tiles of ROWS queries: each key and value comes from memory once, and each tile loads those
 * that its last row sees; a row's scores and its sum of values are two multiply-adds a visible key and channel.
 */
export function attentionCost(
  { config, kvDtype }: Pick<BenchSubject, 'config' | 'kvDtype'>,
  { sequences, queries, context }: Batch,
  ROWS = 1,
): Cost {
  const { numHeads: H, headDim: D, hiddenSize: C } = config;
  const visibleKeys = sequences * queries * (context - (queries - 1) / 2);
  const keyWords = 2 * H * kvRowWords(D, kvDtype);
  let loadedKeys = 0;
  for (let end = ROWS; end < queries + ROWS; end += ROWS) loadedKeys += context - queries + Math.min(end, queries);
  return {
    bytes: 4 * keyWords * sequences * context + 8 * C * sequences * queries,
    loads: keyWords * sequences * loadedKeys,
    flops: 4 * C * visibleKeys,
  };
}
