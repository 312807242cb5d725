// Contract of an admission policy, the scheduler of a name: when a waiting request may start. All else is shared.
import type { ReadonlySequence } from '../../core/sequence.ts';

/** State of the scheduler that an admission policy decides by. */
export interface AdmissionState {
  /** Waiting sequences in the order of their ranks: the next to start comes first. */
  readonly waiting: Iterable<ReadonlySequence>;
  /** Sequences that have a place in the batch. */
  readonly numRunning: number;
  /** Places in the batch. */
  readonly maxBatchSize: number;
  /** Blocks of the KV pool that no running sequence holds. */
  readonly numFreeBlocks: number;
  /** Blocks that the keys and values of this number of tokens of one sequence take at a time. */
  numBlocksFor(numTokens: number): number;
}

/**
 * Decides when a waiting sequence may start: all that the three schedulers differ in. An object with state belongs to one
 * engine.
 *
 * It can delay a request and never lose one: while nothing runs, the head of the queue starts whatever the policy says, as
 * no step would come otherwise. A policy that throws or gives anything but a boolean ends the requests that there are
 * with `error`.
 *
 * @example Two at a time
 * ```ts
 * import { type AdmissionPolicy, load } from 'roseinfer';
 *
 * const pairs: AdmissionPolicy = { admits: ({ numRunning }) => numRunning < 2 };
 * await using llm = await load('weights/tales', { scheduler: pairs });
 * const answers = await llm.generate(['Once', 'Long ago', 'A frog', 'The king'], { maxTokens: 8 });
 * console.log(answers.map(({ text }) => text));
 * ```
 */
export interface AdmissionPolicy {
  /** Most sequences that it lets run at a time, whatever the batch holds, an integer ≥ 1; by default any number. Read once. */
  readonly maxRunning?: number | undefined;
  /**
   * Tells whether the sequence at the head of the waiting queue may start, or resume, in this step. Called only when a place in
   * the batch and some of maxBatchTokens are left; blocks are looked for afterwards.
   */
  admits(state: AdmissionState, head: ReadonlySequence): boolean;
}
