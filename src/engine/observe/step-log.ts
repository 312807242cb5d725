// The record of each step, written in two parts: its rows when it is scheduled, for they change, and its end when it is
// on the host.
import type { StepTimes } from '../../core/runner.ts';
import type { SchedulerOutput } from '../../core/scheduler-output.ts';
import type { Sequence } from '../../core/sequence.ts';
import type { StepRecord } from './step-record.ts';

/** The part of a record that is known when a step is scheduled. */
export type ScheduledStep = Omit<StepRecord, 'finished' | 'times'>;

/** Numbers the steps of an engine and describes each. */
export class StepLog {
  #numSteps = 0;
  /** Sequences that were preempted after the last step was described. */
  #preempted: readonly Sequence[] = [];

  /** Index of the next step. */
  get nextIndex(): number {
    return this.#numSteps;
  }

  /** Records preemptions of a `schedule` that gave no step. */
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

  /** Completes the record of a step. */
  finish(step: ScheduledStep, finished: number, times?: StepTimes): StepRecord {
    return { ...step, finished, ...(times && { times }) };
  }
}
