// Turns a scheduler's rows into a BatchPlan. It is a pure function, so that a plan can be compared with a table made by hand.
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import type { BatchPlan, PooledTokens, SamplingRow } from './batch-plan.ts';
import { type AdjustedSequence, adjustmentOf } from './logits-adjustment.ts';

/** Row as `planBatch` reads it: a scheduler's row, or one that a caller without an engine writes. */
export interface BatchRow {
  readonly sequence: AdjustedSequence & {
    readonly params: Pick<SamplingRow, 'temperature' | 'topK' | 'topP' | 'minP' | 'seed'> &
      Partial<Pick<SamplingRow, 'logprobs'>>;
  };
  readonly start: number;
  readonly numTokens: number;
  readonly samples: boolean;
  readonly tokenSlot: number;
  readonly blockTable: readonly number[];
  /** Tokens of the row whose logits score the next id of the prompt; by default none. */
  readonly scored?: ScoredPositions | null | undefined;
  /** Tokens of the row whose hidden states are added up for an embedding; by default none. */
  readonly pooled?: PooledPositions | null | undefined;
}

/** Tokens at positions `[start, end)` of a prompt, none of them its last, which score the ids that follow them. */
export interface ScoredPositions {
  readonly start: number;
  readonly end: number;
  /** Report this number of the most likely ids in the place of each scored one, too. */
  readonly numTop: number;
}

/** Tokens at positions `[start, end)` of a prompt whose hidden states are added up. */
export interface PooledPositions {
  readonly start: number;
  readonly end: number;
  /** True where the sum goes on from earlier steps. */
  readonly isContinued: boolean;
  /** Number of tokens that the mean is over, where these are the last of them; null where more come. */
  readonly total: number | null;
}

/** A step as flat arrays, and the rows that have results. */
export interface PlannedBatch<Row extends BatchRow> {
  readonly plan: BatchPlan;
  /** Rows that sample, in the order of `plan.logitsRows`. */
  readonly sampled: readonly Row[];
  /** Rows with tokens that score their prompts, in the order of `plan.scored`. */
  readonly scored: readonly Row[];
  /** Rows whose embeddings end with the step, in the order of those in `plan.pooled`. */
  readonly embedded: readonly Row[];
}

/**
 * Flattens the rows of one step. Rows with one token come first and otherwise keep their order. An id that is not on
 * the host yet is written as `-1 - tokenSlot`.
 *
 * @throws RangeValueError when a block table is too short for its row, and for a constrained row that samples before its mask is there.
 */
export function planBatch<Row extends BatchRow>(
  rows: readonly Row[],
  { blockSize }: { readonly blockSize: number },
): PlannedBatch<Row> {
  const decodes = rows.filter((row) => row.numTokens === 1);
  const ordered = [...decodes, ...rows.filter((row) => row.numTokens !== 1)];

  const numTokens = rows.reduce((sum, row) => sum + row.numTokens, 0);
  const numBlocks = ordered.map((row) => numBlocksRead(row, blockSize));
  const maxBlocks = Math.max(1, ...numBlocks);

  const tokenIds = new Int32Array(numTokens);
  const positions = new Int32Array(numTokens);
  const slotMapping = new Int32Array(numTokens);
  const sequenceIndex = new Int32Array(numTokens);
  const queryStartLoc = new Int32Array(rows.length + 1);
  const contextLens = new Int32Array(rows.length);
  const blockTables = new Int32Array(rows.length * maxBlocks).fill(-1);
  const logitsRows: number[] = [];
  const samplingRows: SamplingRow[] = [];
  const sampled: Row[] = [];
  const scored: Row[] = [];
  const pooled: PooledTokens[] = [];
  const embedded: Row[] = [];
  const [scoredRows, targets, numTop]: [number[], number[], number[]] = [[], [], []];

  let token = 0;
  for (const [index, row] of ordered.entries()) {
    const { start, tokenSlot, blockTable } = row;
    const { promptIds, ids, params } = row.sequence;
    const end = start + row.numTokens;
    for (let position = start; position < end; position++, token++) {
      tokenIds[token] = promptIds[position] ?? ids[position - promptIds.length] ?? -1 - tokenSlot;
      positions[token] = position;
      slotMapping[token] = blockTable[Math.floor(position / blockSize)]! * blockSize + (position % blockSize);
      sequenceIndex[token] = index;
    }
    if (row.scored) {
      scored.push(row);
      for (let position = row.scored.start; position < row.scored.end; position++) {
        scoredRows.push(token - end + position);
        targets.push(promptIds[position + 1]!);
        numTop.push(row.scored.numTop);
      }
    }
    if (row.pooled) {
      const { isContinued, total } = row.pooled;
      const [first, after] = [token - end + row.pooled.start, token - end + row.pooled.end];
      pooled.push({ first, end: after, tokenSlot, isContinued, total });
      if (total !== null) embedded.push(row);
    }
    queryStartLoc[index + 1] = token;
    contextLens[index] = end;
    for (let block = 0; block < numBlocks[index]!; block++) {
      blockTables[index * maxBlocks + block] = blockTable[block]!;
    }
    if (row.samples) {
      const { temperature, topK, topP, minP, seed, logprobs = null } = params;
      const adjustment = adjustmentOf(row.sequence, end, tokenSlot);
      logitsRows.push(token - 1);
      const mask = maskOf(row.sequence);
      const how = { temperature, topK, topP, minP, seed, position: end, tokenSlot, adjustment, logprobs };
      samplingRows.push(mask === null ? how : { ...how, mask });
      sampled.push(row);
    }
  }

  const plan: BatchPlan = {
    numTokens,
    numSequences: rows.length,
    numDecodeTokens: decodes.length,
    tokenIds,
    positions,
    slotMapping,
    sequenceIndex,
    queryStartLoc,
    contextLens,
    blockTables,
    maxBlocks,
    logitsRows: Int32Array.from(logitsRows),
    samplingRows,
    ...(scored.length > 0 && {
      scored: {
        rows: Int32Array.from(scoredRows),
        targets: Int32Array.from(targets),
        numTop: Int32Array.from(numTop),
      },
    }),
    ...(pooled.length > 0 && { pooled }),
  };
  return { plan, sampled, scored, embedded };
}

/** Returns the mask of a row that samples; null where any id may be sampled. */
function maskOf({ constraint }: AdjustedSequence): Uint32Array | null {
  if (!constraint) return null;
  if (constraint.allowed === null)
    throw new RangeValueError('mask of a constrained row', null, 'the ids that it allows');
  return constraint.allowed.words;
}

function numBlocksRead({ start, numTokens, blockTable }: BatchRow, blockSize: number): number {
  const needed = ceilDiv(start + numTokens, blockSize);
  if (blockTable.length < needed) {
    throw new RangeValueError(
      'block table length',
      blockTable.length,
      `at least ${needed} for ${start + numTokens} tokens`,
    );
  }
  return needed;
}
