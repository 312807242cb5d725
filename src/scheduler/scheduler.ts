// The seam between engine and scheduling. The engine asks for rows, runs them and brings the result back; it knows neither
// blocks nor policies.
import type { StepResult, TokenLogprobs } from '../core/runner.ts';
import type { SchedulerOutput, SchedulerRow } from '../core/scheduler-output.ts';
import type { FinishReason, Sequence } from '../core/sequence.ts';

/** Change that a step's result made to one sequence. */
export interface SequenceUpdate {
  readonly sequence: Sequence;
  /** The id that was appended; null where none was. */
  readonly id: number | null;
  /** Position of the token whose logits, or hidden states before it, were not finite; null where they all were. */
  readonly brokenAt: number | null;
  /** Log-probabilities of that id; null when the sequence did not ask. */
  readonly logprobs: TokenLogprobs | null;
  /** [C] embedding of the prompt, which ends the sequence; null for any other. */
  readonly embedding: Float32Array | null;
  /** Null while the sequence goes on. */
  readonly finishReason: FinishReason | null;
}

/** Rows of a step with other results than ids. */
export interface RowsWithResults {
  /** Those that scored their prompts, in the order of `plan.scored`. */
  readonly scored?: readonly SchedulerRow[];
  /** Those whose embeddings end with the step, in the order of `plan.pooled`. */
  readonly embedded?: readonly SchedulerRow[];
}

/** State of the queue, the batch and the KV pool now, and counts since the start, which only rise. */
export interface SchedulerStats {
  readonly numWaiting: number;
  readonly numRunning: number;
  /** Blocks that running sequences have. Those that only the prefix cache keeps are free. */
  readonly numUsedBlocks: number;
  readonly numBlocks: number;
  /** Tokens of the prompts of sequences that have started. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Tokens of prompts that were looked up in the prefix cache, and of these the tokens found there. */
  readonly prefixQueries: number;
  readonly prefixHits: number;
  /** Preemptions: for a sequence ranked before it, or because another request's step failed. */
  readonly preemptions: number;
}

/**
 * Decides what each step computes, and keeps the books of sequences, blocks and token slots. It knows no GPU and no
 * clock.
 *
 * `schedule` may be called for further steps before `update` or `fail` of this one: a row in flight counts as one
 * pending id. If the id then ends its sequence, the rows scheduled after it are wasted and their results dropped. A sequence with
 * penalties sits out while two of its ids are pending: they count all but the newest on the host. One with a constraint sits out while
 * any is, and until its allowed ids are there; meanwhile its prompt is computed but for the last token.
 */
export interface Scheduler {
  readonly numWaiting: number;
  /** Prompt tokens of the sequences that wait. */
  readonly numWaitingTokens: number;
  readonly numRunning: number;
  /** Most sequences that run at a time. */
  readonly maxRunning: number;
  /** Sequences that wait and for which the next step has places, the first in the queue first. */
  readonly upcoming: readonly Sequence[];
  /** Preemptions so far: for a sequence ranked before it, or because another request's step failed. */
  readonly numPreemptions: number;
  readonly stats: SchedulerStats;
  /**
   * Queues a sequence.
   *
   * @throws RequestTooLargeError for a sequence that could not run even alone.
   * @throws PolicyError when the queue policy gives it no rank.
   */
  addRequest(sequence: Sequence): void;
  /**
   * The rows of the next step. None when every sequence waits for ids in flight, or when there is no sequence.
   *
   * @throws PolicyError when the admission policy fails: `fail` and `abort` bring the books in order again.
   * @param targetTokens cuts prompts into chunks so that the step has about as many tokens; decoding rows always run.
   */
  schedule(targetTokens?: number): SchedulerOutput;
  /**
   * Applies a step's result to the rows that sampled, in the order of `plan.logitsRows`, and to those with other results; rows of an
   * earlier epoch are dropped.
   */
  update(sampled: readonly SchedulerRow[], result: StepResult, others?: RowsWithResults): readonly SequenceUpdate[];
  /**
   * Ends with `error` every sequence of a step that gave no result; returns them. However many steps fail in a row,
   * each ends all of its own. Other sequences that may share blocks with them are recomputed from the ids on the host.
   */
  fail(rows: readonly SchedulerRow[]): readonly Sequence[];
  /**
   * Ends a sequence in whatever state and frees its blocks at once; nothing happens when it has finished. The reason is
   * `stop` where its text has come to a stop string.
   */
  abort(sequence: Sequence, reason?: 'abort' | 'error' | 'stop'): void;
  hasUnfinished(): boolean;
  /** @throws RoseinferError when blocks or token slots are lost, shared or held by a sequence that does not run. */
  checkIntegrity(): void;
}
