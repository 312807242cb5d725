// A step as observers see it.
import type { StepTimes } from '../../core/runner.ts';

/** One sequence's part of a step. */
export interface StepRecordRow {
  readonly requestId: string;
  /** Absolute position of its first token in the step. */
  readonly start: number;
  readonly numTokens: number;
  /** True when the step gave it an id. */
  readonly samples: boolean;
}

/** A step as it was run; times in milliseconds of the engine's clock. */
export interface StepRecord {
  /** Counted from 0. */
  readonly index: number;
  readonly submitted: number;
  /** Time at which its result, or its failure, was on the host. */
  readonly finished: number;
  readonly rows: readonly StepRecordRow[];
  /** Ids of requests that started or resumed with it. */
  readonly admitted: readonly string[];
  /** Ids of requests that were preempted when it was scheduled. */
  readonly preempted: readonly string[];
  /** Requests that were left waiting. */
  readonly numWaiting: number;
  /** By the GPU's clock; present only where the engine times kernels, the adapter can and the step succeeded. */
  readonly times?: StepTimes;
}
