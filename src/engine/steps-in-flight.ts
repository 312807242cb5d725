// The steps of an engine from their schedule to the delivery of their results: submitted in order, read in order.
import type { Clock } from '../core/clock.ts';
import type { Lease } from '../core/lease.ts';
import type { Runner } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { deliverStep } from './deliver.ts';
import type { LiveRequests } from './live-requests.ts';
import type { Observers } from './observe/observers.ts';
import { type ScheduledStep, StepLog } from './observe/step-log.ts';
import { runStep, type StepOutcome } from './run-step.ts';
import { StepTarget } from './step-target.ts';
import { UnreadSteps } from './unread-steps.ts';

/** A submitted step. */
interface Step {
  readonly rows: readonly SchedulerRow[];
  readonly description: ScheduledStep;
  /** Never rejects. */
  readonly outcome: Promise<StepOutcome>;
}

/** Parts of an engine that its steps take. */
export interface StepParts {
  readonly runner: Runner;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly live: LiveRequests;
  readonly observers: Observers;
  readonly overlap: boolean;
  readonly maxStepMs: number | undefined;
  readonly timeKernels: boolean;
}

/** Steps that are submitted and not read, the oldest first. */
export class StepsInFlight {
  readonly #parts: StepParts;
  readonly #log = new StepLog();
  readonly #unread: UnreadSteps;
  /** Null without `maxStepMs`. */
  readonly #target: StepTarget | null;
  readonly #steps: Step[] = [];

  constructor(parts: StepParts) {
    const { runner, overlap, maxStepMs } = parts;
    this.#parts = parts;
    this.#unread = new UnreadSteps(overlap, runner);
    this.#target = maxStepMs === undefined ? null : new StepTarget(maxStepMs);
  }

  get length(): number {
    return this.#steps.length;
  }

  /** Schedules the next step and submits it. Null when there is nothing to run. */
  submit(): readonly SchedulerRow[] | null {
    const { scheduler, live, clock, timeKernels } = this.#parts;
    if (live.size === 0) return null;
    const output = scheduler.schedule(this.#target?.tokens);
    const { rows, preempted } = output;
    for (const sequence of preempted) live.of(sequence)?.preempt(this.#log.nextIndex);
    if (rows.length === 0) {
      this.#log.addWithoutStep(output);
      return null;
    }
    const description = this.#log.describe(output, clock.now(), scheduler.numWaiting);
    for (const { sequence } of rows) live.of(sequence)?.start(description.submitted);
    const timing = timeKernels ? { timed: 'kernels' as const } : {};
    this.#steps.push({ rows, description, outcome: runStep(this.#parts, rows, timing) });
    return rows;
  }

  /** Returns the number of steps to leave unread after `submit` gave these rows. */
  numLeft(rows: readonly SchedulerRow[] | null): number {
    // Without a new step, one result may be all that the next one waits for, or the ids that a constraint allows.
    return rows === null ? Math.max(this.#steps.length - 1, 0) : this.#unread.numLeft(rows);
  }

  /** Reads the oldest and delivers what it gave. Returns false where it failed. */
  async readNext(): Promise<boolean> {
    const [due] = this.#steps;
    if (due === undefined) return true;
    const outcome = await due.outcome;
    this.#steps.shift();
    this.#apply(due, outcome);
    return outcome.error === null;
  }

  #apply({ rows, description }: Step, outcome: StepOutcome): void {
    const { live, scheduler, observers } = this.#parts;
    const { time, error } = outcome;
    const record = this.#log.finish(description, time, error === null ? outcome.result.times : undefined);
    this.#target?.observeStep(record);
    this.#unread.observeStep(record);
    for (const [index, { sequence }] of rows.entries()) live.of(sequence)?.addStep(record, record.rows[index]!);
    observers.tellStep(record);
    deliverStep({ live, scheduler }, rows, outcome);
  }
}
