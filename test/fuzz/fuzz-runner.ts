// The model's runner as the fuzz tests need it: it keeps the logits of sampled rows, fails steps on command, and has a
// clock that only steps move.
import { setImmediate } from 'node:timers/promises';
import type { BatchPlan } from '../../src/core/batch-plan.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ModelLimits, Runner, StepResult } from '../../src/core/runner.ts';
import type { Draws } from './draws.ts';
import { type Failures, isFailing } from './schedule.ts';

/** A step whose result is held back. */
interface HeldStep {
  readonly release: () => void;
  /** Settled when the device has run it. */
  readonly ran: Promise<unknown>;
}

/** A row of logits that was sampled from, identified by the seed of its request and the position of the id. */
export interface SampledLogits {
  readonly seed: number;
  readonly position: number;
  /** Bytes of the V raw logits. */
  readonly bytes: Buffer;
  /**
   * True where the step was submitted after a failed one whose failure was not read yet: its result may mean nothing.
   */
  readonly isDoubtful: boolean;
}

/** Message of a failing step. */
export const STEP_FAILED = 'step failed';

/** Milliseconds of a readback beside which all steps are short. */
const LONG_READBACK = 1e9;
/** Milliseconds of a step, and of each token in it. */
const STEP_MS = 2;
const TOKEN_MS = 0.1;

/**
 * A runner within tighter limits that keeps all logits. On its clock a step takes a time by its number of tokens, and
 * steps settle when they are released, so that a schedule runs the same way each time.
 */
export class FuzzRunner implements Runner, Clock {
  readonly limits: ModelLimits;
  readonly eosIds: readonly number[] = [];
  readonly logits: SampledLogits[] = [];
  readonly plans: BatchPlan[] = [];
  readonly #runner: Runner;
  readonly #failures: Failures | null;
  readonly #draws: Draws | null;
  readonly #held: HeldStep[] = [];
  /** Steps that have failed, with a failure that was not read yet. */
  #numHiddenFailures = 0;
  #numRead = 0;
  #numAhead = 0;
  #time = 0;
  #done = 0;

  /** @param draws of the readbacks; without them none is known. */
  constructor(
    runner: Runner,
    limits: Partial<ModelLimits> = {},
    failures: Failures | null = null,
    draws: Draws | null = null,
  ) {
    this.#runner = runner;
    this.#failures = failures;
    this.#draws = draws;
    this.limits = { ...runner.limits, ...limits };
  }

  /** Drawn anew whenever the engine asks, so that turns leave one step unread or two. */
  get readbackMs(): number | undefined {
    return this.#draws?.chance(0.5) ? LONG_READBACK : undefined;
  }

  /** Steps that were submitted while two were unread. */
  get numAhead(): number {
    return this.#numAhead;
  }

  /** Takes notice that the engine has read the next step. */
  read(): void {
    if (isFailing(this.#failures, this.#numRead++)) this.#numHiddenFailures--;
  }

  now(): number {
    return this.#time;
  }

  /** Advances the clock while nothing runs. */
  wait(milliseconds: number): void {
    this.#time += milliseconds;
  }

  async execute(plan: BatchPlan): Promise<StepResult> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const fails = isFailing(this.#failures, this.plans.length);
    const isDoubtful = this.#numHiddenFailures > 0;
    if (fails) this.#numHiddenFailures++;
    if (this.plans.length - this.#numRead >= 2) this.#numAhead++;
    this.plans.push(plan);
    const ran = fails && !this.#failures?.runs ? null : this.#runner.execute(plan);
    this.#held.push({ release: resolve, ran: Promise.allSettled([ran]) });
    const done = Math.max(this.#time, this.#done) + STEP_MS + TOKEN_MS * plan.numTokens;
    this.#done = done;
    const [result] = await Promise.all([ran, promise]);
    this.#time = Math.max(this.#time, done);
    if (fails || result === null) throw new Error(STEP_FAILED);
    this.#keep(plan, result, isDoubtful);
    return result;
  }

  /** Releases all steps, the oldest first. */
  release(): void {
    while (this.#held.length > 0) this.#held.shift()?.release();
  }

  /**
   * Releases steps, the oldest first, while a turn of the engine waits for one: a step that it leaves unread does not end
   * before the next turn, however soon the device has run it.
   */
  async serve(turn: Promise<unknown>): Promise<void> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    turn.then(end, end);
    for (await setImmediate(); !isOver && this.#held.length > 0; await setImmediate()) {
      const { release, ran } = this.#held.shift()!;
      release();
      await ran;
    }
    await turn;
  }

  /** Leaves the wrapped runner open. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #keep({ samplingRows }: BatchPlan, { logits = new Float32Array() }: StepResult, isDoubtful: boolean): void {
    const { buffer, byteOffset } = logits;
    const size = 4 * this.limits.vocabSize;
    for (const [index, { seed, position }] of samplingRows.entries()) {
      this.logits.push({ seed, position, bytes: Buffer.from(buffer, byteOffset + index * size, size), isDoubtful });
    }
  }
}
