// Runner without a model: it takes the time of a step on a clock, virtual or the machine's, and computes nothing.
import type { BatchPlan, SamplingRow } from '../../src/core/batch-plan.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ModelLimits, Runner, StepResult } from '../../src/core/runner.ts';

/** Clock on which steps take their time. */
export interface StepClock extends Clock {
  /** Resolves at a time. */
  at(time: number): Promise<void>;
}

/** Sizes of a simulated runner, its clock and its times. */
export interface SimulatedRunnerOptions {
  readonly limits: ModelLimits;
  readonly clock: StepClock;
  /** Milliseconds that the device takes for a step. */
  readonly stepMs: (plan: BatchPlan) => number;
}

/**
 * Runner that computes nothing. Steps run one after another, each from its submission or the end of the one before,
 * whichever is later. Ids depend on the request's seed and the position alone, as real ones do, but mean nothing; of a constrained request
 * they are such as its mask allows.
 */
export class SimulatedRunner implements Runner {
  readonly limits: ModelLimits;
  readonly eosIds: readonly number[] = [];
  readonly #clock: SimulatedRunnerOptions['clock'];
  readonly #stepMs: SimulatedRunnerOptions['stepMs'];
  /** Time at which the device has run all submitted steps. */
  #freeAt = 0;

  constructor({ limits, clock, stepMs }: SimulatedRunnerOptions) {
    this.limits = limits;
    this.#clock = clock;
    this.#stepMs = stepMs;
  }

  async execute(plan: BatchPlan): Promise<StepResult> {
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now()) + this.#stepMs(plan);
    const { vocabSize } = this.limits;
    const ids = Int32Array.from(plan.samplingRows, (row) => drawId(row, vocabSize));
    const finite = new Uint8Array(ids.length).fill(1);
    await this.#clock.at(this.#freeAt);
    return { ids, finite };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Draws an id, or the next one that the row's mask allows, the first after the last. */
function drawId({ seed, position, mask }: SamplingRow, vocabSize: number): number {
  const drawn = ((seed % vocabSize) + position) % vocabSize;
  if (mask === undefined) return drawn;
  const isAllowed = (id: number) => ((mask[id >> 5]! >>> (id & 31)) & 1) === 1;
  let id = drawn;
  while (!isAllowed(id)) id = (id + 1) % vocabSize;
  return id;
}
