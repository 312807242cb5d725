import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { attention, attentionFold, attentionSplit, SPLIT_KEYS } from '../../../src/kernels/attention/attention.ts';
import { floatsOf, type HostTensor, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import type { KVDType } from '../../../src/kernels/kv-write/kv-write.ts';
import { attentionBound } from '../../../src/reference/error-bounds.ts';
import * as reference from '../../../src/reference/operators.ts';
import { ceilDiv } from '../../../src/util/math.ts';
import { normals, permutation } from '../../../src/util/random-values.ts';
import { KEY, PagedCache, VALUE } from './paged-cache.ts';
import { runKernel } from './run-kernel.ts';

/** A sequence in a step: the last `queries` of its `context` tokens. */
export interface Span {
  readonly context: number;
  readonly queries: number;
}

export interface AttentionShape {
  readonly H: number;
  readonly D: number;
  readonly P: number;
  readonly dtype: KVDType;
}

/** Queries, keys and values of one sequence, [tokens, H, D] each. */
export interface SequenceData extends Span {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

interface TileRange {
  readonly tiles: readonly number[];
  readonly first: number;
  readonly count: number;
  /** What the output holds before. */
  readonly out?: HostTensor;
}

interface SplitOptions {
  readonly split?: Kernel<typeof attentionSplit.spec>;
  readonly fold?: Kernel<typeof attentionFold.spec>;
  /** Tokens of which splits are computed and folded. */
  readonly count?: number;
}

type Constants = Readonly<Record<string, number>>;

const NAN_WORD = 0x7fc00000;

/** A step's attention: what the kernels read, and what float64 makes of it. */
export class AttentionCase {
  readonly shape: AttentionShape;
  readonly sequences: readonly SequenceData[];
  /** T */
  readonly numTokens: number;
  readonly maxContext: number;
  readonly #tables: readonly (readonly number[])[];
  readonly #cache: PagedCache;

  /** @param placing seed of the blocks' order: it moves the sequences in the cache and changes no number. */
  constructor(shape: AttentionShape, sequences: readonly SequenceData[], placing = 1) {
    const { H, D, P, dtype } = shape;
    this.shape = shape;
    this.sequences = sequences;
    this.numTokens = sequences.reduce((sum, { queries }) => sum + queries, 0);
    this.maxContext = Math.max(...sequences.map(({ context }) => context));
    const needed = sequences.map(({ context }) => ceilDiv(context, P));
    // Two blocks more than needed, so that some stay unwritten.
    const numBlocks = needed.reduce((sum, blocks) => sum + blocks, 2);
    const order = permutation(placing, numBlocks);
    this.#tables = needed.map((blocks) => order.splice(0, blocks));
    // Slots that hold no token of a sequence are NaN, also those behind its context in its last block.
    this.#cache = new PagedCache({ numBlocks, H, P, D, dtype }, dtype === 'f16' ? 0x7e007e00 : NAN_WORD);
    for (const [i, { context, k, v }] of sequences.entries()) {
      for (let j = 0; j < context; j++) this.putKey(i, j, k, v);
    }
  }

  static random(shape: AttentionShape, spans: readonly Span[], placing?: number): AttentionCase {
    const sequences = spans.map((span, i) => randomSequence(shape, span, 10 * i));
    return new AttentionCase(shape, sequences, placing);
  }

  /** As `random`, with scores so far from each other, and from 0, that exp of any difference but the right one leaves f32. */
  static steep(shape: AttentionShape, spans: readonly Span[]): AttentionCase {
    const sequences = spans.map((span, i) => {
      const sequence = randomSequence(shape, span, 10 * i);
      return { ...sequence, q: sequence.q.map((value) => 400 * value) };
    });
    return new AttentionCase(shape, sequences);
  }

  /** Puts row j of k and v into the cache as token j of sequence i. */
  putKey(i: number, j: number, k: Float32Array, v: Float32Array): void {
    const { H, D, P } = this.shape;
    const slot = this.#tables[i]![Math.floor(j / P)]! * P + (j % P);
    for (let h = 0; h < H; h++) {
      const start = (j * H + h) * D;
      this.#cache.put(slot, KEY, h, k.subarray(start, start + D));
      this.#cache.put(slot, VALUE, h, v.subarray(start, start + D));
    }
  }

  /** Tiles of at most ROWS tokens of one sequence: [Q, 2] of first token and number of tokens. */
  queryTiles(ROWS: number): number[] {
    const tiles: number[] = [];
    let token = 0;
    for (const { queries } of this.sequences) {
      for (let row = 0; row < queries; row += ROWS) tiles.push(token + row, Math.min(ROWS, queries - row));
      token += queries;
    }
    return tiles;
  }

  get #positions(): HostTensor {
    const positions = this.sequences.flatMap(({ context, queries }) =>
      Array.from({ length: queries }, (_, t) => context - queries + t),
    );
    return hostTensor(Int32Array.from(positions), this.numTokens);
  }

  #inputs(queryTiles: readonly number[]) {
    const C = this.#channels;
    // The kernels find keys and values in the cache, never in qkv.
    const qkv = new Float32Array(this.numTokens * 3 * C).fill(Number.NaN);
    const sequenceIndex: number[] = [];
    for (const [i, { queries, q }] of this.sequences.entries()) {
      for (let t = 0; t < queries; t++) qkv.set(q.subarray(t * C, (t + 1) * C), 3 * C * (sequenceIndex.push(i) - 1));
    }
    const X = Math.max(...this.#tables.map((table) => table.length));
    const tables = this.#tables.flatMap((table) => Array.from({ length: X }, (_, i) => table[i] ?? -1));
    return {
      qkv: hostTensor(qkv, this.numTokens, 3 * C),
      kv: this.#cache.operand,
      query_tiles: hostTensor(Int32Array.from(queryTiles), queryTiles.length / 2, 2),
      positions: this.#positions,
      sequence_index: hostTensor(Int32Array.from(sequenceIndex), this.numTokens),
      block_tables: hostTensor(Int32Array.from(tables), this.#tables.length, X),
    };
  }

  /** SUBGROUPS is 0 or 1; without a word on it, lanes that are sure to lie in one subgroup use it. */
  #choice({ traits }: Device, { SUBGROUPS, ...constants }: Constants) {
    const { LANES = attention.variant(traits).constants.LANES ?? 0 } = constants;
    const conditions = {
      KV_F16: this.shape.dtype === 'f16',
      SUBGROUPS: SUBGROUPS === undefined ? LANES <= traits.minSubgroupSize : SUBGROUPS === 1,
    };
    return { conditions, constants: { D: this.shape.D, ...constants } };
  }

  get #channels(): number {
    return this.shape.H * this.shape.D;
  }

  get #scale(): number {
    return 1 / Math.sqrt(this.shape.D);
  }

  /** Words of out[T, C] from `attention` over all tiles. */
  run(
    device: Device,
    constants: Constants & { readonly ROWS: number },
    kernel: Kernel<typeof attention.spec> = attention,
  ): Promise<Uint32Array> {
    const tiles = this.queryTiles(constants.ROWS);
    return this.runTiles(device, constants, { tiles, first: 0, count: tiles.length / 2 }, kernel);
  }

  /** Words of `out` after `attention` over `count` of the tiles from `first` on. */
  runTiles(
    device: Device,
    constants: Constants,
    { tiles, first, count, out = unwritten(this.numTokens, this.#channels) }: TileRange,
    kernel: Kernel<typeof attention.spec> = attention,
  ): Promise<Uint32Array> {
    const scalars = { Z: 0, first, scale: this.#scale, count };
    return runKernel(device, kernel, { ...this.#inputs(tiles), out }, scalars, this.#choice(device, constants));
  }

  /** Words of out[T, C] from `attentionSplit` and `attentionFold`. */
  async runSplit(
    device: Device,
    constants: Constants = {},
    { split = attentionSplit, fold = attentionFold, count = this.numTokens }: SplitOptions = {},
  ): Promise<Uint32Array> {
    const { H, D } = this.shape;
    const tiles = this.queryTiles(1);
    const [T, Z] = [this.numTokens, ceilDiv(this.maxContext, SPLIT_KEYS)];
    const operands = { ...this.#inputs(tiles), partials: unwritten(T, H, Z, D + 2) };
    const scalars = { first: 0, scale: this.#scale, count, splits: Z };
    const partials = await runKernel(device, split, operands, scalars, this.#choice(device, constants));
    const folded = {
      partials: hostTensor(floatsOf(partials), T, H, Z, D + 2),
      positions: this.#positions,
      out: unwritten(T, H * D),
    };
    return runKernel(device, fold, folded, { D, count });
  }

  /** Queries, keys and values of a step of one whole prompt side by side: qkv[S, 3C], as `attentionNaive` reads them. */
  get qkv(): HostTensor {
    const C = this.#channels;
    const qkv = new Float32Array(this.numTokens * 3 * C);
    const { q, k, v } = this.sequences[0]!;
    for (let t = 0; t < this.numTokens; t++) {
      [q, k, v].forEach((part, i) => {
        qkv.set(part.subarray(t * C, (t + 1) * C), (3 * t + i) * C);
      });
    }
    return hostTensor(qkv, this.numTokens, 3 * C);
  }

  /** out[T, C] in float64 and how far f32 may be from it. */
  expected(): { want: number[]; tolerance: number[] } {
    const { H, D } = this.shape;
    const want: number[] = [];
    const tolerance: number[] = [];
    for (const { context, queries, q, k, v } of this.sequences) {
      const [q64, k64, v64] = [Float64Array.from(q), Float64Array.from(k), Float64Array.from(v)];
      const dims = { T: queries, S: context, H, D, scale: this.#scale };
      const out = reference.attention(q64, k64, v64, dims);
      want.push(...out);
      tolerance.push(...attentionBound(q64, k64, v64, out, dims));
    }
    return { want, tolerance };
  }
}

/**
 * Normal numbers, keys growing with the position so that the running maximum keeps moving; in the first head one key, and
 * one value of another token, are 30 times as large. Keys and values are rounded to the storage type.
 */
export function randomSequence(
  { H, D, dtype }: AttentionShape,
  { context, queries }: Span,
  seed: number,
): SequenceData {
  const C = H * D;
  const [k, v] = [normals(seed + 1, context * C), normals(seed + 2, context * C)];
  k.forEach((value, i) => {
    k[i] = value * (1 + Math.floor(i / C) / context);
  });
  for (let d = 0; d < D; d++) {
    k[(context >> 1) * C + d]! *= 30;
    v[(context >> 2) * C + d]! *= 30;
  }
  const stored = (data: Float32Array) => (dtype === 'f16' ? Float32Array.from(Float16Array.from(data)) : data);
  return { context, queries, q: normals(seed, queries * C), k: stored(k), v: stored(v) };
}
