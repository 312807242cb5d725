// An engine's loop turned by hand: one scheduler and one runner, so that a test sees each step.
import { planBatch } from '../../../src/core/plan-batch.ts';
import { resolveSamplingParams } from '../../../src/core/resolve-sampling-params.ts';
import type { StepResult } from '../../../src/core/runner.ts';
import type { SamplingOptions } from '../../../src/core/sampling-params.ts';
import type { SchedulerRow } from '../../../src/core/scheduler-output.ts';
import { Sequence } from '../../../src/core/sequence.ts';
import type { Scheduler } from '../../../src/scheduler/scheduler.ts';
import type { FakeRunner } from './fake-runner.ts';

export interface TestSequence {
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly requestId?: string;
  readonly eosIds?: readonly number[];
  readonly ignoreEos?: boolean;
  readonly seed?: number;
  readonly sampling?: SamplingOptions;
  readonly arrival?: number;
  readonly priority?: number;
  readonly group?: string | null;
}

export function testSequence(fields: TestSequence): Sequence {
  const { promptIds, maxTokens, requestId = 'request', eosIds = [], ignoreEos = false, seed = 0, sampling } = fields;
  const { arrival = 0, priority = 0, group: prefixGroup = null } = fields;
  const options = { maxTokens, temperature: 0, seed, ignoreEos, ...sampling };
  const params = resolveSamplingParams(options, { room: maxTokens, vocabSize: 64 });
  return new Sequence({ requestId, promptIds, params, eosIds, arrival, priority, prefixGroup });
}

interface Step {
  readonly rows: readonly SchedulerRow[];
  readonly sampled: readonly SchedulerRow[];
  /** Null when the step failed. */
  readonly result: StepResult | null;
}

/** How a loop turns. */
export interface LoopOptions {
  /** Steps that each turn which submits one leaves unread, over and over. */
  readonly numLeft: readonly number[];
  readonly targetTokens?: number | undefined;
}

/** Turns the loop of an engine by hand: one scheduler, one runner, results applied some steps late. */
export class SchedulerLoop {
  readonly ends: Sequence[] = [];
  /** Sequences that were preempted when the last step was scheduled. */
  preempted: readonly Sequence[] = [];
  readonly #scheduler: Scheduler;
  readonly #runner: FakeRunner;
  readonly #numLeft: readonly number[];
  readonly #targetTokens: number | undefined;
  /** Oldest first. */
  readonly #inFlight: Step[] = [];
  #numTurns = 0;

  constructor(scheduler: Scheduler, runner: FakeRunner, { numLeft, targetTokens }: LoopOptions) {
    this.#scheduler = scheduler;
    this.#runner = runner;
    this.#numLeft = numLeft;
    this.#targetTokens = targetTokens;
  }

  get hasWork(): boolean {
    return this.#scheduler.hasUnfinished() || this.#inFlight.length > 0;
  }

  /** Runs one turn; returns the rows that it scheduled. A failing step never reaches the runner. */
  turn(fails = false): readonly SchedulerRow[] {
    const hadWork = this.#scheduler.hasUnfinished();
    const { rows, preempted } = this.#scheduler.schedule(this.#targetTokens);
    this.preempted = preempted;
    this.#scheduler.checkIntegrity();
    if (hadWork && rows.length === 0 && this.#inFlight.length === 0)
      throw new Error('nothing to run and nothing in flight');

    const { plan, sampled } = planBatch(rows, this.#runner.limits);
    if (rows.length > 0) this.#inFlight.push({ rows, sampled, result: fails ? null : this.#runner.compute(plan) });
    const wanted = this.#numLeft[this.#numTurns++ % this.#numLeft.length]!;
    const left = Math.max(rows.length > 0 ? wanted : this.#inFlight.length - 1, 0);
    for (const due of this.#inFlight.splice(0, Math.max(this.#inFlight.length - left, 0))) {
      this.#apply(due);
      this.#scheduler.checkIntegrity();
    }
    return rows;
  }

  run(): void {
    while (this.hasWork) this.turn();
  }

  #apply({ rows, sampled, result }: Step): void {
    if (result === null) {
      this.ends.push(...this.#scheduler.fail(rows));
      return;
    }
    for (const { sequence, finishReason } of this.#scheduler.update(sampled, result)) {
      if (finishReason !== null) this.ends.push(sequence);
    }
  }
}
