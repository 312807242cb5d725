// Inputs of a step on the GPU: one buffer with a fixed place for each array, so that a step is one write and no new bind group.
import type { BatchPlan, SamplingRow } from '../core/batch-plan.ts';
import { MAX_LOGIT_BIASES, MAX_STOPS } from '../core/sampling-table.ts';
import { MAX_EOS_IDS } from '../core/sequence.ts';
import type { Device } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/flags.ts';
import { type DType, Tensor } from '../gpu/tensor.ts';
import { ADJUST_ENTRY_WORDS, ADJUST_ROW_WORDS } from '../kernels/adjust-logits/adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from '../kernels/adjust-logits/adjust-row.ts';
import { queryTiles } from '../kernels/attention/query-tiles.ts';
import { SAMPLING_WORDS, samplingWords } from '../kernels/sample/sampling-row.ts';
import { RangeValueError } from '../util/errors.ts';
import { roundUp } from '../util/math.ts';

/** Upper bound of temperatures: hotter draws would be as uniform, and a masked logit must stay many temperatures below the others. */
const MAX_TEMPERATURE = 1e30;
/** In a slot mapping: this token's keys and values go nowhere. */
const PADDED_SLOT = -1;
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
  readonly maxModelLen: number;
  readonly vocabSize: number;
}

/** Bytes of a StepInputs. */
export function stepInputBytes(capacity: StepCapacity): number {
  const { maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R, maxBlocks: X } = capacity;
  const shapes = [[T], [T], [T], [T], [T, 2], [R], [R, SAMPLING_WORDS], [S, X], [R]];
  const adjustment = [
    [S, ADJUST_ROW_WORDS],
    [maxAdjustEntries(capacity), ADJUST_ENTRY_WORDS],
  ];
  return [...shapes, ...adjustment].reduce((sum, shape) => sum + regionBytes(shape), 0);
}

/** Most logits that a step adjusts: a row's are of tokens of its sequence, biased ids, stop ids and eos ids. */
function maxAdjustEntries({ maxBatchSize, maxModelLen, vocabSize }: StepCapacity): number {
  return maxBatchSize * Math.min(vocabSize, maxModelLen + MAX_LOGIT_BIASES + MAX_STOPS + MAX_EOS_IDS);
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
  /** [R] 1 + the number of most likely ids to report, or 0 for no log-probabilities; see shaders/logprobs.wgsl. */
  readonly wantedLogprobs: Tensor;
  /** [S, ADJUST_ROW_WORDS]; see shaders/adjust_logits.wgsl. */
  readonly adjustRows: Tensor;
  /** [E, ADJUST_ENTRY_WORDS] */
  readonly adjustEntries: Tensor;
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
    this.wantedLogprobs = region('wanted logprobs', 'u32', [R]);
    // Last, because most steps leave them out.
    this.adjustRows = region('adjust rows', 'u32', [S, ADJUST_ROW_WORDS]);
    this.adjustEntries = region('adjust entries', 'u32', [maxAdjustEntries(capacity), ADJUST_ENTRY_WORDS]);
  }

  /**
   * Puts a step in place of the last one; returns the number of attention tiles behind the decode rows.
   *
   * @throws GpuError when the driver refuses the write.
   */
  write(plan: BatchPlan): number {
    this.#set(this.tokenIds, plan.tokenIds);
    this.#set(this.positions, plan.positions);
    this.#set(this.slotMapping, plan.slotMapping);
    this.#set(this.sequenceIndex, plan.sequenceIndex);
    const { numSequences, queryStartLoc } = plan;
    const numQueries = Array.from({ length: numSequences }, (_, s) => queryStartLoc[s + 1]! - queryStartLoc[s]!);
    const tiles = queryTiles(numQueries, this.#tileRows);
    this.#set(this.queryTiles, tiles);
    this.#set(this.logitsRows, plan.logitsRows);
    plan.samplingRows.forEach((row, r) => {
      const temperature = Math.min(row.temperature, MAX_TEMPERATURE);
      this.#set(this.sampling, samplingWords({ ...row, temperature }), r * SAMPLING_WORDS);
      this.#set(this.wantedLogprobs, [row.logprobs === null ? 0 : row.logprobs + 1], r);
    });
    for (let s = 0; s < numSequences; s++) {
      const row = plan.blockTables.subarray(s * plan.maxBlocks, (s + 1) * plan.maxBlocks);
      this.#set(this.blockTables, row, s * this.#maxBlocks);
    }
    const end = adjusts(plan) ? this.#setAdjustments(plan.samplingRows) : this.adjustRows.range.offset / 4;
    const { queue } = this.#device.gpu;
    this.#device.attempt('step inputs', () => queue.writeBuffer(this.#buffer, 0, this.#words, 0, end));
    return tiles.length / 2 - plan.numDecodeTokens;
  }

  /** Puts a step in place whose tokens are written to no slot: greedy rows of token 0, each an attention tile at position 0. */
  writePadding(): void {
    this.#words.fill(0);
    this.#set(this.slotMapping, new Int32Array(this.slotMapping.length).fill(PADDED_SLOT));
    this.#set(
      this.queryTiles,
      Int32Array.from({ length: this.queryTiles.length }, (_, word) => word % 2),
    );
    this.#device.gpu.queue.writeBuffer(this.#buffer, 0, this.#words);
  }

  /** Idempotent. */
  close(): void {
    this.#device.destroyBuffer(this.#buffer);
  }

  /** Returns the end of the entries in words. */
  #setAdjustments(rows: readonly SamplingRow[]): number {
    let end = 0;
    for (const [r, { adjustment }] of rows.entries()) {
      const first = end;
      for (const token of adjustment?.tokens ?? []) {
        this.#set(this.adjustEntries, adjustEntryWords(token), end++ * ADJUST_ENTRY_WORDS);
      }
      this.#set(this.adjustRows, adjustRowWords(adjustment, first, end), r * ADJUST_ROW_WORDS);
    }
    return this.adjustEntries.range.offset / 4 + end * ADJUST_ENTRY_WORDS;
  }

  /** Puts values into a region; they would run on into the next one. @throws RangeValueError for more than it holds. */
  #set(region: Tensor, values: ArrayLike<number>, start = 0): void {
    const end = start + values.length;
    if (end > region.range.size / 4)
      throw new RangeValueError(region.label, end, `at most ${region.range.size / 4} words`);
    this.#words.set(values, region.range.offset / 4 + start);
  }
}

/** Whether some row of the step samples from other logits than the model's. */
export function adjusts({ samplingRows }: BatchPlan): boolean {
  return samplingRows.some(({ adjustment }) => adjustment !== null);
}

function regionBytes(shape: readonly number[]): number {
  return roundUp(4 * shape.reduce((product, size) => product * size, 1), OFFSET_ALIGNMENT);
}
