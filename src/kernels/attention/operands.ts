// Operands of the attention kernels on the host: a step of sequences with paged keys and values. Blocks are shuffled, and
// slots that hold no token of a sequence are NaN.
import type { Variant } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { normals, permutation } from '../../util/random-values.ts';
import { type HostTensor, hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import type { KVDType } from '../kv-write/kv-write.ts';
import { PagedCache } from '../kv-write/paged-cache.ts';
import type { AttentionSums } from '../reductions.ts';
import { type attention, type attentionFold, type attentionSplit, NO_WINDOW, TILE_KEYS } from './attention.ts';
import type { attentionNaive } from './attention-naive.ts';
import { PREFILL_TILE_TOKENS, queryTiles } from './query-tiles.ts';

/** The last `queries` of a sequence's `context` tokens. */
export interface Span {
  readonly context: number;
  readonly queries: number;
}

/** Heads, channels of a head, tokens of a block, storage of keys and values, order of sums. */
export interface AttentionShape {
  /** Heads of keys and values. */
  readonly G: number;
  /** Query heads that share one of them; default: 1. */
  readonly SHARE?: number;
  readonly D: number;
  readonly P: number;
  readonly dtype: KVDType;
  readonly sums: AttentionSums;
  /** Keys that a query sees, its own included; default: all up to it. */
  readonly window?: number;
}

/** Queries [queries, G · SHARE, D], keys and values [context, G, D] of one sequence, as far as the storage type holds them. */
export interface SequenceData extends Span {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

/** Some of a step's query tiles, as one dispatch takes them. */
export interface TileRange {
  /** [Q, 2] */
  readonly tiles: readonly number[];
  /** Most tokens of a tile; default: 8. */
  readonly tileTokens?: number;
  readonly first: number;
  readonly count: number;
  /** Output before the dispatch; default: unwritten. */
  readonly out?: HostTensor;
}

/** Makes contexts around a block, a tile, a split and, where there are groups, a group, as decode rows of one step. */
export function decodeSpans({ P, sums: { splitKeys, groupKeys } }: Pick<AttentionShape, 'P' | 'sums'>): Span[] {
  const contexts = [1, P, P + 1, TILE_KEYS - 1, TILE_KEYS + 1, splitKeys - 1, splitKeys, splitKeys + 1];
  contexts.push(2 * splitKeys, 2 * splitKeys + 8);
  if (groupKeys > 0) contexts.push(groupKeys, groupKeys + 1, groupKeys + splitKeys + 1);
  return contexts.map((context) => ({ context, queries: 1 }));
}

/** Makes whole prompts, and chunks: the last of their sequences' tokens. */
export function prefillSpans({ splitKeys, groupKeys }: AttentionSums): Span[] {
  const spans = [
    { context: 1, queries: 1 },
    { context: 9, queries: 9 },
    { context: 70, queries: 70 },
    { context: 41, queries: 9 },
    // Query tiles of four and of eight rows that cross the start of a tile of keys.
    { context: 70, queries: 41 },
    { context: splitKeys + 4, queries: 7 },
    { context: 2 * splitKeys + 8, queries: 13 },
  ];
  if (groupKeys > 0) spans.push({ context: groupKeys + 4, queries: 7 });
  return spans;
}

/** Returns the order of sums of a variant. */
export function sumsOf({ constants: { SPLIT_KEYS = 0, GROUP_KEYS = 0 } }: Variant): AttentionSums {
  return { splitKeys: SPLIT_KEYS, groupKeys: GROUP_KEYS };
}

/** Factor of the scores for heads of D channels. */
export function scoreScale(D: number): number {
  return 1 / Math.sqrt(D);
}

/**
 * Makes normal numbers, keys growing with the position so that the running maximum keeps moving; in the first head one key,
 * and one value of another token, are 30 times as large. Keys and values are rounded to the storage type.
 */
export function randomSequence(
  { G, SHARE = 1, D, dtype }: AttentionShape,
  { context, queries }: Span,
  seed: number,
): SequenceData {
  const C = G * D;
  const [k, v] = [normals(seed + 1, context * C), normals(seed + 2, context * C)];
  k.forEach((value, i) => {
    k[i] = value * (1 + Math.floor(i / C) / context);
  });
  for (let d = 0; d < D; d++) {
    k[(context >> 1) * C + d]! *= 30;
    v[(context >> 2) * C + d]! *= 30;
  }
  const stored = (data: Float32Array) => (dtype === 'f16' ? Float32Array.from(Float16Array.from(data)) : data);
  return { context, queries, q: normals(seed, queries * SHARE * C), k: stored(k), v: stored(v) };
}

/** Positions [T] and sequence [T] of the tokens of a step. */
function tokenTensors(spans: readonly Span[]) {
  const positions = spans.flatMap(({ context, queries }) =>
    Array.from({ length: queries }, (_, t) => context - queries + t),
  );
  const sequences = spans.flatMap(({ queries }, s) => new Array<number>(queries).fill(s));
  const T = positions.length;
  return {
    positions: hostTensor(Int32Array.from(positions), T),
    sequence_index: hostTensor(Int32Array.from(sequences), T),
  };
}

/** Query tiles [Q, 2] as a tensor. */
function tileTensor(tiles: readonly number[]): HostTensor {
  return hostTensor(Int32Array.from(tiles), tiles.length / 2, 2);
}

/** Step of some sequences: operands of each attention kernel over it. */
export class AttentionStep {
  readonly shape: AttentionShape;
  readonly sequences: readonly SequenceData[];
  /** T */
  readonly numTokens: number;
  readonly scale: number;
  readonly #tables: readonly (readonly number[])[];
  readonly #cache: PagedCache;

  /** @param placing seed of the blocks' order: it moves the sequences in the cache and changes no number. */
  constructor(shape: AttentionShape, sequences: readonly SequenceData[], placing = 1) {
    const { G, D, P, dtype } = shape;
    this.shape = shape;
    this.sequences = sequences;
    this.numTokens = sequences.reduce((sum, { queries }) => sum + queries, 0);
    this.scale = scoreScale(D);
    const needed = sequences.map(({ context }) => ceilDiv(context, P));
    // Two blocks more than needed, so that some stay unwritten.
    const numBlocks = needed.reduce((sum, blocks) => sum + blocks, 2);
    const order = permutation(placing, numBlocks);
    this.#tables = needed.map((blocks) => order.splice(0, blocks));
    this.#cache = new PagedCache({ numBlocks, G, P, D, dtype }, dtype === 'f16' ? 0x7e007e00 : 0x7fc00000);
    for (const [i, { context, k, v }] of sequences.entries()) {
      for (let j = 0; j < context; j++) this.putKey(i, j, k, v);
    }
  }

  /** Makes a step of random sequences. */
  static random(shape: AttentionShape, spans: readonly Span[], placing?: number): AttentionStep {
    const sequences = spans.map((span, i) => randomSequence(shape, span, 10 * i));
    return new AttentionStep(shape, sequences, placing);
  }

  /** H D, of queries and outputs. */
  get channels(): number {
    return this.#queryHeads * this.shape.D;
  }

  /** H = G SHARE. */
  get #queryHeads(): number {
    const { G, SHARE = 1 } = this.shape;
    return G * SHARE;
  }

  /** G D, of keys and values. */
  get keyChannels(): number {
    return this.shape.G * this.shape.D;
  }

  get window(): number {
    return this.shape.window ?? NO_WINDOW;
  }

  /** Z, splits of the longest context. */
  get numSplits(): number {
    return ceilDiv(Math.max(...this.sequences.map(({ context }) => context)), this.shape.sums.splitKeys);
  }

  /** Puts row j of k and v into the cache as token j of sequence i. */
  putKey(i: number, j: number, k: Float32Array, v: Float32Array): void {
    const { P } = this.shape;
    const slot = this.#tables[i]![Math.floor(j / P)]! * P + (j % P);
    const [start, end] = [j * this.keyChannels, (j + 1) * this.keyChannels];
    this.#cache.put(slot, k.subarray(start, end), v.subarray(start, end));
  }

  /** Cuts the step into query tiles [Q, 2] of at most some tokens. */
  tiles(tileTokens: number = PREFILL_TILE_TOKENS): number[] {
    const numQueries = this.sequences.map(({ queries }) => queries);
    return queryTiles(numQueries, tileTokens);
  }

  /** Operands of `attention` over all tiles. */
  whole(tileTokens: number = PREFILL_TILE_TOKENS): KernelOperands<typeof attention.spec> {
    const tiles = this.tiles(tileTokens);
    return this.range({ tiles, tileTokens, first: 0, count: tiles.length / 2 });
  }

  /** Operands of `attention` over some tiles. */
  range({
    tiles,
    tileTokens = PREFILL_TILE_TOKENS,
    first,
    count,
    out,
  }: TileRange): KernelOperands<typeof attention.spec> {
    return {
      tensors: { ...this.#inputs(tiles), out: out ?? unwritten(this.numTokens, this.channels) },
      scalars: { first, count, tileTokens, window: this.window, scale: this.scale },
      outputs: ['out'],
    };
  }

  /** Operands of `attentionSplit` over the first `count` tokens. */
  split(count: number = this.numTokens): KernelOperands<typeof attentionSplit.spec> {
    const [H, Z] = [this.#queryHeads, this.numSplits];
    return {
      tensors: { ...this.#inputs(this.tiles(1)), partials: unwritten(this.numTokens, H, Z, this.shape.D + 2) },
      scalars: { count, tileTokens: 1, window: this.window, scale: this.scale, splits: Z },
      outputs: ['partials'],
    };
  }

  /** Operands of `attentionFold` over the first `count` tokens, from the partials [U, H, Z, D + 2] of `attentionSplit`. */
  fold(partials: Float32Array, count: number = this.numTokens): KernelOperands<typeof attentionFold.spec> {
    const { D } = this.shape;
    const T = this.numTokens;
    const { positions } = tokenTensors(this.sequences);
    return {
      tensors: {
        partials: hostTensor(partials, T, this.#queryHeads, this.numSplits, D + 2),
        positions,
        out: unwritten(T, this.channels),
      },
      scalars: { D, count, window: this.window },
      outputs: ['out'],
    };
  }

  /** Operands of `attentionNaive`, for a step of one whole prompt. */
  naive(): KernelOperands<typeof attentionNaive.spec> {
    const { G, D } = this.shape;
    const { numTokens: T, keyChannels } = this;
    const { q, k, v } = this.sequences[0]!;
    const row = (t: number, part: Float32Array, columns: number) => [...part.subarray(t * columns, (t + 1) * columns)];
    const qkv = Float32Array.from(
      Array.from({ length: T }, (_, t) => [
        ...row(t, q, this.channels),
        ...row(t, k, keyChannels),
        ...row(t, v, keyChannels),
      ]).flat(),
    );
    const tensors = { qkv: hostTensor(qkv, T, qkv.length / T), out: unwritten(T, this.channels) };
    return { tensors, scalars: { G, D, window: this.window, scale: this.scale }, outputs: ['out'] };
  }

  #inputs(tiles: readonly number[]) {
    const [T, C] = [this.numTokens, this.channels];
    // The kernels find keys and values in the cache, never in qkv.
    const width = C + 2 * this.keyChannels;
    const qkv = new Float32Array(T * width).fill(Number.NaN);
    let token = 0;
    for (const { queries, q } of this.sequences) {
      for (let t = 0; t < queries; t++) qkv.set(q.subarray(t * C, (t + 1) * C), width * token++);
    }
    const A = Math.max(...this.#tables.map((table) => table.length));
    const tables = this.#tables.flatMap((table) => Array.from({ length: A }, (_, i) => table[i] ?? -1));
    return {
      qkv: hostTensor(qkv, T, width),
      kv: this.#cache.operand,
      query_tiles: tileTensor(tiles),
      ...tokenTensors(this.sequences),
      block_tables: hostTensor(Int32Array.from(tables), this.#tables.length, A),
    };
  }
}
