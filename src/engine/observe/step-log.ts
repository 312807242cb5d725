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
  /** Sequences that were admitted, and preempted, after the last step was described. */
  #admitted: readonly Sequence[] = [];
  #preempted: readonly Sequence[] = [];

  /** Index of the next step. */
  get nextIndex(): number {
    return this.#numSteps;
  }

  /** Records admissions and preemptions of a `schedule` that gave no step. */
  addWithoutStep({ admitted, preempted }: Pick<SchedulerOutput, 'admitted' | 'preempted'>): void {
    this.#admitted = [...this.#admitted, ...admitted];
    this.#preempted = [...this.#preempted, ...preempted];
  }

  /** Describes a step before it changes its sequences. */
  describe({ rows, admitted, preempted }: SchedulerOutput, submitted: number, numWaiting: number): ScheduledStep {
    const allAdmitted = [...this.#admitted, ...admitted];
    const all = [...this.#preempted, ...preempted];
    this.#admitted = [];
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
      admitted: allAdmitted.map(({ requestId }) => requestId),
      preempted: all.map(({ requestId }) => requestId),
      numWaiting,
    };
  }

  /** Completes the record of a step. */
  finish(step: ScheduledStep, finished: number, times?: StepTimes): StepRecord {
    return { ...step, finished, ...(times && { times }) };
  }
}
