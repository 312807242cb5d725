// Inputs of a step on the GPU: one buffer with a fixed place for each array, so that a step is one write and no new bind group.
import type { BatchPlan, SamplingRow, ScoredTokens } from '../core/batch-plan.ts';
import { maskWords } from '../core/constrained-ids.ts';
import { MAX_LOGIT_BIASES, MAX_STOPS } from '../core/sampling-table.ts';
import { MAX_EOS_IDS } from '../core/sequence.ts';
import type { Device } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/flags.ts';
import { Tensor } from '../gpu/tensor.ts';
import { ADJUST_ENTRY_WORDS, ADJUST_ROW_WORDS } from '../kernels/adjust-logits/adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from '../kernels/adjust-logits/adjust-row.ts';
import { queryTiles } from '../kernels/attention/query-tiles.ts';
import { NO_MASK } from '../kernels/mask-logits/mask-logits.ts';
import { POOL_ROW_WORDS } from '../kernels/pool-hidden/pool-hidden.ts';
import { poolRowWords } from '../kernels/pool-hidden/pool-row.ts';
import { SAMPLING_WORDS, samplingWords } from '../kernels/sample/sampling-row.ts';
import type { StepInputTensors } from '../models/step.ts';
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv, roundUp } from '../util/math.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { chunkWords, numScoredChunks } from './scored-chunks.ts';
import { makeTensors, type TensorEntry, type TensorTable, wordsOf } from './tensor-table.ts';

/** Upper bound of temperatures: hotter draws would be as uniform, and a masked logit must stay many temperatures below the others. */
const MAX_TEMPERATURE = 1e30;
/** Slot of a token whose keys and values are not stored. */
const PADDED_SLOT = -1;
/** Bytes: a binding may start at multiples of it on every adapter. */
const OFFSET_ALIGNMENT = 256;

/** Lists the inputs of a step, in their order in the buffer; all take one word an element. */
export function inputTable(sizes: RuntimeSizes): TensorTable<keyof StepInputTensors> {
  const { maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R } = sizes;
  const A = ceilDiv(sizes.maxModelLen, sizes.blockSize);
  const i32 = (label: string, ...shape: readonly number[]) => ({ label, dtype: 'i32', shape }) as const;
  const u32 = (label: string, ...shape: readonly number[]) => ({ label, dtype: 'u32', shape }) as const;
  return {
    tokenIds: i32('token ids', T),
    positions: i32('positions', T),
    slotMapping: i32('slot mapping', T),
    sequenceIndex: i32('sequence index', T),
    queryTiles: i32('query tiles', T, 2),
    logitsRows: i32('logits rows', R),
    sampling: u32('sampling', R, SAMPLING_WORDS),
    blockTables: i32('block tables', S, A),
    wantedLogprobs: u32('wanted logprobs', R),
    pooledRows: u32('pooled rows', S, POOL_ROW_WORDS),
    // Last, because most steps leave them out, and those of prompts more of them than the others.
    adjustRows: u32('adjust rows', S, ADJUST_ROW_WORDS),
    adjustEntries: u32('adjust entries', maxAdjustEntries(sizes), ADJUST_ENTRY_WORDS),
    scoredRows: i32('scored rows', numScoredChunks(sizes), chunkWords(sizes, 1)),
    scoredIds: u32('scored ids', numScoredChunks(sizes), chunkWords(sizes, 1)),
    scoredWanted: u32('wanted logprobs of scored ids', numScoredChunks(sizes), chunkWords(sizes, 1)),
    // Written apart from all before, of which a step with masks may leave most out.
    maskRows: u32('mask rows', S),
    masks: u32('masks', S, maskWords(sizes.vocabSize)),
  };
}

/** Counts the bytes of the inputs of a step. */
export function stepInputBytes(sizes: RuntimeSizes): number {
  return Object.values(inputTable(sizes)).reduce((sum, entry) => sum + regionBytes(entry), 0);
}

/** Counts the most logits that a step adjusts: a row's are of tokens of its sequence, biased ids, stop ids and eos ids. */
function maxAdjustEntries({ maxBatchSize, maxModelLen, vocabSize }: RuntimeSizes): number {
  return maxBatchSize * Math.min(vocabSize, maxModelLen + MAX_LOGIT_BIASES + MAX_STOPS + MAX_EOS_IDS);
}

/**
 * Inputs of a step in one buffer, written once a step, and once more in steps with masks. Every array has a fixed place in it, so bind
 * groups never change.
 */
export class StepInputs {
  readonly tensors: StepInputTensors;
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #tileTokens: number;
  readonly #chunkRows: number;

  /** @param tileTokens most tokens of a query tile of attention. */
  constructor(device: Device, sizes: RuntimeSizes, tileTokens: number) {
    const bytes = stepInputBytes(sizes);
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: 'step inputs', size: bytes, usage });
    let end = 0;
    this.tensors = makeTensors(inputTable(sizes), (entry) => {
      const offset = end;
      end += regionBytes(entry);
      const range = { buffer, offset, size: end - offset };
      return Tensor.overRange(device, entry.label, entry.dtype, entry.shape, range);
    });
    this.#device = device;
    this.#buffer = buffer;
    this.#words = new Int32Array(bytes / 4);
    this.#tileTokens = tileTokens;
    this.#chunkRows = sizes.maxLogitsRows;
  }

  /**
   * Overwrites the last step.
   *
   * @returns the number of query tiles after the decode rows.
   * @throws GpuError when the driver refuses the write.
   */
  write(plan: BatchPlan): number {
    const { slotMapping, sequenceIndex, logitsRows, sampling, wantedLogprobs, blockTables } = this.tensors;
    this.#set(this.tensors.tokenIds, plan.tokenIds);
    this.#set(this.tensors.positions, plan.positions);
    this.#set(slotMapping, plan.slotMapping);
    this.#set(sequenceIndex, plan.sequenceIndex);
    const { numSequences, queryStartLoc } = plan;
    const numQueries = Array.from({ length: numSequences }, (_, s) => queryStartLoc[s + 1]! - queryStartLoc[s]!);
    const tiles = queryTiles(numQueries, this.#tileTokens);
    this.#set(this.tensors.queryTiles, tiles);
    this.#set(logitsRows, plan.logitsRows);
    plan.samplingRows.forEach((row, r) => {
      const temperature = Math.min(row.temperature, MAX_TEMPERATURE);
      this.#set(sampling, samplingWords({ ...row, temperature }), r * SAMPLING_WORDS);
      this.#set(wantedLogprobs, [row.logprobs === null ? 0 : row.logprobs + 1], r);
    });
    const [, maxBlocks = 0] = blockTables.shape;
    for (let s = 0; s < numSequences; s++) {
      const row = plan.blockTables.subarray(s * plan.maxBlocks, (s + 1) * plan.maxBlocks);
      this.#set(blockTables, row, s * maxBlocks);
    }
    plan.pooled?.forEach((row, r) => {
      this.#set(this.tensors.pooledRows, poolRowWords({ ...row, slot: row.tokenSlot }), r * POOL_ROW_WORDS);
    });
    let end = adjusts(plan) ? this.#setAdjustments(plan.samplingRows) : this.tensors.adjustRows.range.offset / 4;
    if (plan.scored) end = this.#setScored(plan.scored);
    const { queue } = this.#device.gpu;
    this.#device.attempt('step inputs', () => queue.writeBuffer(this.#buffer, 0, this.#words, 0, end));
    if (hasMasks(plan)) this.#writeMasks(plan.samplingRows);
    return tiles.length / 2 - plan.numDecodeTokens;
  }

  /** Writes a step whose keys and values are not stored: greedy rows of token 0, each an attention tile at position 0. */
  writePadding(): void {
    const { slotMapping, queryTiles } = this.tensors;
    this.#words.fill(0);
    this.#set(slotMapping, new Int32Array(slotMapping.length).fill(PADDED_SLOT));
    this.#set(
      queryTiles,
      Int32Array.from({ length: queryTiles.length }, (_, word) => word % 2),
    );
    this.#device.gpu.queue.writeBuffer(this.#buffer, 0, this.#words);
  }

  /** Idempotent. */
  close(): void {
    this.#device.destroyBuffer(this.#buffer);
  }

  /** Writes rows and entries of the adjusted logits. @returns the end of the entries in words. */
  #setAdjustments(rows: readonly SamplingRow[]): number {
    const { adjustRows, adjustEntries } = this.tensors;
    let end = 0;
    for (const [r, { adjustment }] of rows.entries()) {
      const first = end;
      for (const token of adjustment?.tokens ?? []) {
        this.#set(adjustEntries, adjustEntryWords(token), end++ * ADJUST_ENTRY_WORDS);
      }
      this.#set(adjustRows, adjustRowWords(adjustment, first, end), r * ADJUST_ROW_WORDS);
    }
    return adjustEntries.range.offset / 4 + end * ADJUST_ENTRY_WORDS;
  }

  /** Writes the masks of constrained rows, one after another. */
  #writeMasks(rows: readonly SamplingRow[]): void {
    const { maskRows, masks } = this.tensors;
    const [, words = 0] = masks.shape;
    let end = 0;
    for (const [r, { mask }] of rows.entries()) {
      this.#set(maskRows, [mask ? end : NO_MASK], r);
      if (mask) this.#set(masks, mask, end++ * words);
    }
    const first = maskRows.range.offset / 4;
    const numWords = masks.range.offset / 4 + end * words - first;
    const { queue } = this.#device.gpu;
    this.#device.attempt('masks', () => queue.writeBuffer(this.#buffer, 4 * first, this.#words, first, numWords));
  }

  /** Writes tokens that score their prompts, chunk by chunk. @returns the end of the last chunk in words. */
  #setScored({ rows, targets, numTop }: ScoredTokens): number {
    const { scoredRows, scoredIds, scoredWanted } = this.tensors;
    const [, words = 0] = scoredRows.shape;
    let start = 0;
    for (let first = 0; first < rows.length; first += this.#chunkRows, start += words) {
      const end = first + this.#chunkRows;
      this.#set(scoredRows, rows.subarray(first, end), start);
      this.#set(scoredIds, targets.subarray(first, end), start);
      this.#set(
        scoredWanted,
        numTop.subarray(first, end).map((n) => 1 + n),
        start,
      );
    }
    return scoredWanted.range.offset / 4 + start;
  }

  /** Writes values to a region. @throws RangeValueError for more than it holds, which would run into the next one. */
  #set(region: Tensor, values: ArrayLike<number>, start = 0): void {
    const end = start + values.length;
    if (end > region.range.size / 4)
      throw new RangeValueError(region.label, end, `at most ${region.range.size / 4} words`);
    this.#words.set(values, region.range.offset / 4 + start);
  }
}

/** Returns true when some row of the step samples from other logits than the model's. */
export function adjusts({ samplingRows }: BatchPlan): boolean {
  return samplingRows.some(({ adjustment }) => adjustment !== null);
}

/** Returns true when some row of the step may sample some ids only. */
export function hasMasks({ samplingRows }: BatchPlan): boolean {
  return samplingRows.some(({ mask }) => mask !== undefined);
}

function regionBytes(entry: TensorEntry): number {
  return roundUp(wordsOf(entry) * 4, OFFSET_ALIGNMENT);
}
