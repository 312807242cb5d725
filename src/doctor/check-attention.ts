import { allVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import { PREFILL_TILE_ROWS } from '../models/gpt2/layers.ts';
import { attentionBound } from '../reference/error-bounds.ts';
import { attention as referenceAttention } from '../reference/operators.ts';
import { ceilDiv } from '../util/math.ts';
import { type Expected, Judge, type KernelReport } from './judge.ts';
import { BLOCK_SIZE, PagedRows } from './paged-rows.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { type Operand, runOnce, toFloats, unwritten } from './tensors.ts';

/** The last `queries` of a sequence's `context` tokens. */
interface Span {
  readonly context: number;
  readonly queries: number;
}

/** Decode rows with few keys, and the end of a prompt that reaches into a fourth split. */
const SPANS: readonly Span[] = [
  { context: 1, queries: 1 },
  { context: BLOCK_SIZE + 1, queries: 1 },
  { context: 3 * SPLIT_KEYS + 5, queries: PREFILL_TILE_ROWS + 3 },
];

/** Queries, keys and values of a sequence, [tokens, H, D] each. */
interface Sequence extends Span {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

/**
 * Attention over a paged cache, as decode rows and as prefill tiles, in one workgroup a row and in splits that are folded:
 * the same bits in all.
 */
export async function checkAttention(subject: Subject): Promise<KernelReport[]> {
  const { device, config, kernels, kvDtype } = subject;
  const { attention, attentionSplit, attentionFold } = kernels;
  const { headDim: D } = config;
  const sequences = SPANS.map((span, i) => randomSequence(subject, clip(span, config), i));
  const expected = expect(config, sequences);
  const fixed = { conditions: { KV_F16: kvDtype === 'f16' }, constants: { D } };
  const step = stepInputs(subject, sequences);
  const T = step.numTokens;

  const judge = new Judge(attention.name);
  const runWhole = ({ choice }: NamedVariant, input = step) => {
    const tiles = queryTiles(input.sequences, choice.constants.ROWS ?? 1);
    const scalars = { first: 0, count: tiles.length / 2, scale: scaleOf(config), Z: 1 };
    const query_tiles = { data: Int32Array.from(tiles), shape: [tiles.length / 2, 2] };
    const out = unwritten(input.numTokens, config.hiddenSize);
    return runOnce(device, {
      kernel: attention,
      tensors: { ...input.tensors, query_tiles, out },
      scalars,
      choice,
      output: 'out',
    });
  };
  const model = [1, PREFILL_TILE_ROWS].map((ROWS) => ({ constants: { ROWS } }));
  const variants = allVariants(attention, device.traits, fixed, model);
  // The last sequence by itself, in other blocks.
  const alone = stepInputs(subject, sequences.slice(-1), 1);
  const start = (T - alone.numTokens) * config.hiddenSize;
  const bits = await judge.check(
    [
      ...variants.map((variant) => ({ variant, what: `${T} tokens`, run: () => runWhole(variant) })),
      ...variants
        .filter(({ isBase, usedByModel }) => isBase || usedByModel)
        .map((variant) => ({
          variant,
          what: `${alone.numTokens} tokens alone`,
          start,
          run: () => runWhole(variant, alone),
        })),
    ],
    expected,
  );

  const splitJudge = new Judge(`${attentionSplit.name} + ${attentionFold.name}`);
  const Z = ceilDiv(Math.max(...sequences.map(({ context }) => context)), SPLIT_KEYS);
  const runSplit = async ({ choice }: NamedVariant) => {
    const tiles = queryTiles(sequences, 1);
    const query_tiles = { data: Int32Array.from(tiles), shape: [T, 2] };
    const shape = [T, config.numHeads, Z, D + 2];
    const tensors = { ...step.tensors, query_tiles, partials: unwritten(...shape) };
    const scalars = { first: 0, count: T, splits: Z, scale: scaleOf(config) };
    const partials = await runOnce(device, { kernel: attentionSplit, tensors, scalars, choice, output: 'partials' });
    const folded = {
      partials: { data: toFloats(partials), shape },
      positions: step.tensors.positions,
      out: unwritten(T, config.hiddenSize),
    };
    return runOnce(device, { kernel: attentionFold, tensors: folded, scalars: { D, count: T }, output: 'out' });
  };
  const splitRuns = allVariants(attentionSplit, device.traits, fixed).map((variant) => ({
    variant,
    what: `${T} tokens in ${Z} splits`,
    run: () => runSplit(variant),
  }));
  await splitJudge.check(splitRuns, expected, bits);
  return [judge.report(), splitJudge.report()];
}

/** A span within the model's positions. */
function clip({ context, queries }: Span, { numPositions }: GPT2Config): Span {
  const length = Math.min(context, numPositions);
  return { context: length, queries: Math.min(queries, length) };
}

/** The factor of the scores in the first layer. */
function scaleOf({ headDim, scaleAttnWeights }: GPT2Config): number {
  return scaleAttnWeights ? 1 / Math.sqrt(headDim) : 1;
}

/** Keys grow with the position, so that the running maximum moves in every split. */
function randomSequence({ config, kvDtype }: Subject, { context, queries }: Span, seed: number): Sequence {
  const C = config.hiddenSize;
  const k = randomValues(3 * seed + 1, context * C).map((x, i) => x * (1 + (2 * Math.floor(i / C)) / context));
  return {
    context,
    queries,
    q: randomValues(3 * seed, queries * C),
    k: kvDtype === 'f16' ? new Float32Array(new Float16Array(k)) : k,
    v: randomValues(3 * seed + 2, context * C, 1, kvDtype),
  };
}

/** What the kernels read of a step but the tiles. Slots that hold no token are NaN; blocks are handed out from the last. */
function stepInputs({ config, kvDtype }: Subject, sequences: readonly Sequence[], spareBlocks = 0) {
  const C = config.hiddenSize;
  const numBlocks = sequences.map(({ context }) => ceilDiv(context, BLOCK_SIZE));
  const X = Math.max(...numBlocks);
  let free = numBlocks.reduce((sum, count) => sum + count, spareBlocks);
  const cache = new PagedRows(config, kvDtype, free, kvDtype === 'f16' ? 0x7e007e00 : 0x7fc00000);
  const tables = new Int32Array(sequences.length * X).fill(-1);
  const numTokens = sequences.reduce((sum, { queries }) => sum + queries, 0);
  // Keys and values come from the cache, never from qkv.
  const qkv = new Float32Array(numTokens * 3 * C).fill(Number.NaN);
  const [positions, sequenceIndex] = [new Int32Array(numTokens), new Int32Array(numTokens)];
  let token = 0;
  for (const [s, { context, queries, q, k, v }] of sequences.entries()) {
    for (let i = 0; i < numBlocks[s]!; i++) tables[s * X + i] = --free;
    for (let j = 0; j < context; j++) {
      const slot = tables[s * X + Math.floor(j / BLOCK_SIZE)]! * BLOCK_SIZE + (j % BLOCK_SIZE);
      cache.put(slot, k.subarray(j * C, (j + 1) * C), v.subarray(j * C, (j + 1) * C));
    }
    for (let t = 0; t < queries; t++, token++) {
      qkv.set(q.subarray(t * C, (t + 1) * C), token * 3 * C);
      positions[token] = context - queries + t;
      sequenceIndex[token] = s;
    }
  }
  const tensors = {
    qkv: { data: qkv, shape: [numTokens, 3 * C] },
    kv: cache.operand,
    positions: { data: positions, shape: [numTokens] },
    sequence_index: { data: sequenceIndex, shape: [numTokens] },
    block_tables: { data: tables, shape: [sequences.length, X] },
  } satisfies Record<string, Operand>;
  return { numTokens, sequences, tensors };
}

/** Tiles of at most ROWS tokens of one sequence: first token and number of tokens. */
function queryTiles(sequences: readonly Span[], ROWS: number): number[] {
  const tiles: number[] = [];
  let token = 0;
  for (const { queries } of sequences) {
    for (let row = 0; row < queries; row += ROWS) tiles.push(token + row, Math.min(ROWS, queries - row));
    token += queries;
  }
  return tiles;
}

function expect(config: GPT2Config, sequences: readonly Sequence[]): Expected {
  const { numHeads: H, headDim: D } = config;
  const parts = sequences.map(({ context: S, queries: T, q, k, v }) => {
    const [q64, k64, v64] = [new Float64Array(q), new Float64Array(k), new Float64Array(v)];
    const dims = { T, S, H, D, scale: scaleOf(config) };
    const want = referenceAttention(q64, k64, v64, dims);
    return { want, tolerance: attentionBound(q64, k64, v64, want, dims) };
  });
  return {
    want: Float64Array.from(parts.flatMap(({ want }) => [...want])),
    tolerance: Float64Array.from(parts.flatMap(({ tolerance }) => [...tolerance])),
    toNumbers: toFloats,
  };
}
