import type { BatchPlan, SamplingRow } from '../core/batch-plan.ts';
import type { Device } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/flags.ts';
import { type DType, Tensor } from '../gpu/tensor.ts';
import { roundUp } from '../util/math.ts';
import { splitSeed } from '../util/rng.ts';

/** Words of a row of `sampling`. */
const SAMPLING_WORDS = 8;
/** Every adapter lets a binding start at multiples of this many bytes. */
const OFFSET_ALIGNMENT = 256;

/** The largest step that fits. */
export interface StepCapacity {
  /** T */
  readonly maxBatchTokens: number;
  /** S */
  readonly maxBatchSize: number;
  /** R */
  readonly maxLogitsRows: number;
  /** X, blocks of the longest sequence. */
  readonly maxBlocks: number;
}

/** Bytes of a StepInputs. */
export function stepInputBytes({ maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R, maxBlocks: X }: StepCapacity) {
  const shapes = [[T], [T], [T], [T], [T, 2], [R], [R, SAMPLING_WORDS], [S, X]];
  return shapes.reduce((sum, shape) => sum + regionBytes(shape), 0);
}

/**
 * All that the host tells the GPU about a step: one buffer, written once a step. Every array has a fixed place in it, so
 * bind groups never change.
 */
export class StepInputs {
  /** [T] */
  readonly tokenIds: Tensor;
  /** [T] */
  readonly positions: Tensor;
  /** [T] */
  readonly slotMapping: Tensor;
  /** [T] */
  readonly sequenceIndex: Tensor;
  /** [T, 2] first token and number of tokens of each attention tile. */
  readonly queryTiles: Tensor;
  /** [R] */
  readonly logitsRows: Tensor;
  /** [R, SAMPLING_WORDS]; see shaders/sample.wgsl. */
  readonly sampling: Tensor;
  /** [S, X] */
  readonly blockTables: Tensor;
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #maxBlocks: number;
  readonly #tileRows: number;

  /** @param tileRows query rows that share an attention tile. */
  constructor(device: Device, capacity: StepCapacity, tileRows: number) {
    const { maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R, maxBlocks: X } = capacity;
    const bytes = stepInputBytes(capacity);
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: 'step inputs', size: bytes, usage });
    let end = 0;
    const region = (label: string, dtype: DType, shape: readonly number[]): Tensor => {
      const offset = end;
      end += regionBytes(shape);
      return Tensor.overRange(device, label, dtype, shape, { buffer, offset, size: end - offset });
    };
    this.#device = device;
    this.#buffer = buffer;
    this.#words = new Int32Array(bytes / 4);
    this.#maxBlocks = X;
    this.#tileRows = tileRows;
    this.tokenIds = region('token ids', 'i32', [T]);
    this.positions = region('positions', 'i32', [T]);
    this.slotMapping = region('slot mapping', 'i32', [T]);
    this.sequenceIndex = region('sequence index', 'i32', [T]);
    this.queryTiles = region('query tiles', 'i32', [T, 2]);
    this.logitsRows = region('logits rows', 'i32', [R]);
    this.sampling = region('sampling', 'u32', [R, SAMPLING_WORDS]);
    this.blockTables = region('block tables', 'i32', [S, X]);
  }

  /** Puts a step in place of the last one; returns the number of attention tiles behind the decode rows. */
  write(plan: BatchPlan): number {
    this.#set(this.tokenIds, plan.tokenIds);
    this.#set(this.positions, plan.positions);
    this.#set(this.slotMapping, plan.slotMapping);
    this.#set(this.sequenceIndex, plan.sequenceIndex);
    const tiles = queryTiles(plan, this.#tileRows);
    this.#set(this.queryTiles, tiles.flat());
    this.#set(this.logitsRows, plan.logitsRows);
    plan.samplingRows.forEach((row, r) => {
      this.#set(this.sampling, samplingWords(row), r * SAMPLING_WORDS);
    });
    for (let s = 0; s < plan.numSequences; s++) {
      const row = plan.blockTables.subarray(s * plan.maxBlocks, (s + 1) * plan.maxBlocks);
      this.#set(this.blockTables, row, s * this.#maxBlocks);
    }
    this.#device.gpu.queue.writeBuffer(this.#buffer, 0, this.#words);
    return tiles.length - plan.numDecodeTokens;
  }

  /** Idempotent. */
  close(): void {
    this.#device.destroyBuffer(this.#buffer);
  }

  #set(region: Tensor, values: ArrayLike<number>, start = 0): void {
    this.#words.set(values, region.range.offset / 4 + start);
  }
}

function regionBytes(shape: readonly number[]): number {
  return roundUp(4 * shape.reduce((product, size) => product * size, 1), OFFSET_ALIGNMENT);
}

/** A tile for each decode row, then the longer rows in tiles of at most `tileRows` tokens of one sequence. */
function queryTiles({ numDecodeTokens, numSequences, queryStartLoc }: BatchPlan, tileRows: number) {
  const tiles = Array.from({ length: numDecodeTokens }, (_, token): [number, number] => [token, 1]);
  for (let s = numDecodeTokens; s < numSequences; s++) {
    const end = queryStartLoc[s + 1]!;
    for (let token = queryStartLoc[s]!; token < end; token += tileRows) {
      tiles.push([token, Math.min(tileRows, end - token)]);
    }
  }
  return tiles;
}

/** Words are set into an Int32Array, which keeps the bits of numbers up to 2^32 − 1. */
function samplingWords({ temperature, topK, topP, minP, seed, position, tokenSlot }: SamplingRow): number[] {
  const [temperatureBits = 0, topPBits = 0, minPBits = 0] = new Uint32Array(
    Float32Array.of(temperature, topP, minP).buffer,
  );
  const [seedLo, seedHi] = splitSeed(seed);
  return [temperatureBits, topK, topPBits, minPBits, seedLo, seedHi, position, tokenSlot];
}
