import type { StepTimes } from '../../core/runner.ts';
import type { SchedulerOutput } from '../../core/scheduler-output.ts';
import type { Sequence } from '../../core/sequence.ts';
import type { StepRecord } from './step-record.ts';
import { StepTarget } from './step-target.ts';

/** The part of a record that is known when a step is scheduled. */
export type ScheduledStep = Omit<StepRecord, 'finished' | 'times'>;

/** Describes each step, and learns from its time how many tokens the next one may have. */
export class StepLog {
  readonly #target: StepTarget | null;
  #numSteps = 0;
  /** Sequences that lost their blocks since the last step was described. */
  #preempted: readonly Sequence[] = [];
  /** When the last step was done, in milliseconds of the engine's clock. */
  #lastFinished = Number.NEGATIVE_INFINITY;

  /**
   * @param maxStepMs Milliseconds that a step should take at most; undefined for any number.
   * @throws RangeValueError unless it is a number > 0.
   */
  constructor(maxStepMs: number | undefined) {
    this.#target = maxStepMs === undefined ? null : new StepTarget(maxStepMs);
  }

  /** Of the step that comes next. */
  get nextIndex(): number {
    return this.#numSteps;
  }

  /** Tokens that the next step may have; undefined for any number. */
  get targetTokens(): number | undefined {
    return this.#target?.tokens;
  }

  /** Records who lost blocks though no step came of it. */
  addPreempted(preempted: readonly Sequence[]): void {
    this.#preempted = [...this.#preempted, ...preempted];
  }

  /** Describes a step before it changes its sequences. */
  describe({ rows, admitted, preempted }: SchedulerOutput, submitted: number, numWaiting: number): ScheduledStep {
    const all = [...this.#preempted, ...preempted];
    this.#preempted = [];
    return {
      index: this.#numSteps++,
      submitted,
      rows: rows.map(({ sequence, start, numTokens, samples }) => ({
        requestId: sequence.requestId,
        start,
        numTokens,
        samples,
      })),
      admitted: admitted.map(({ requestId }) => requestId),
      preempted: all.map(({ requestId }) => requestId),
      numWaiting,
    };
  }

  /** Completes the record of a step. Of two that overlap, the second took its time from the end of the first. */
  finish(step: ScheduledStep, finished: number, times?: StepTimes): StepRecord {
    const record = { ...step, finished, ...(times && { times }) };
    const numTokens = step.rows.reduce((sum, row) => sum + row.numTokens, 0);
    this.#target?.observe(numTokens, finished - Math.max(step.submitted, this.#lastFinished));
    this.#lastFinished = finished;
    return record;
  }
}
