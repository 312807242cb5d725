// The choice of a scheduler for one step: sequences, and the number of tokens of each.
import type { PooledPositions, ScoredPositions } from './plan-batch.ts';
import type { Sequence } from './sequence.ts';

/**
 * One sequence's part of a step: tokens `[start, start + numTokens)`. The one number covers prefill, chunk and decode.
 * Fields that may change before the result arrives are copied here when the row is scheduled.
 */
export interface SchedulerRow {
  readonly sequence: Sequence;
  /** Absolute position of the row's first token. */
  readonly start: number;
  readonly numTokens: number;
  /** True when the row ends with the last known token, so that its logits give the next id; never for an embedding. */
  readonly samples: boolean;
  readonly epoch: number;
  readonly tokenSlot: number;
  /** Block ids in order of position, enough for `start + numTokens` tokens; −1 for those that none of the row's tokens sees. */
  readonly blockTable: readonly number[];
  /** Tokens of the row that score the prompt; null for none. */
  readonly scored: ScoredPositions | null;
  /** Tokens of the row whose hidden states are added up for an embedding; null for none. */
  readonly pooled: PooledPositions | null;
}

/** Work of one step. Without rows there is nothing to run: every sequence waits for ids in flight, or for those that its constraint allows. */
export interface SchedulerOutput {
  readonly rows: readonly SchedulerRow[];
  /** Sequences that start or resume with this step. */
  readonly admitted: readonly Sequence[];
  /** Sequences that were preempted when it was scheduled. */
  readonly preempted: readonly Sequence[];
}
