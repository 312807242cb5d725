// A GPU that runs steps one after another on a clock of its own: overlap and traces are tested without time passing.
import { setImmediate } from 'node:timers/promises';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import type { ExecuteOptions, ModelLimits, StepResult } from '../../../src/core/runner.ts';
import { FakeRunner } from './fake-runner.ts';

/** Default latency, in milliseconds. */
const LATENCY = 0.25;
/** Turns of the event loop that a step takes: enough for the engine to submit the next two meanwhile. */
const TURNS = 5;
const KERNEL_MS = 1.5;
const GAP_MS = 0.125;
const KERNELS = ['embed[LANES=64]', 'matmul[ROWS=1]', 'matmul[ROWS=1]', 'sample[LANES=8]'];

/** A clock that only a SimulatedGpu moves. */
export class SimulatedClock {
  time = 1000;

  now(): number {
    return this.time;
  }
}

/** A FakeRunner whose steps take time on a GPU that runs one after another and has a clock of its own. */
export class SimulatedGpu extends FakeRunner {
  readonly #clock: SimulatedClock;
  readonly #zero: number;
  readonly #latency: number;
  #free = 0;

  /**
   * @param zero milliseconds of the clock at which the GPU's own shows 0.
   * @param latency milliseconds from a submit to the first kernel, and from the last kernel to the host.
   */
  constructor(clock: SimulatedClock, zero: number, limits: Partial<ModelLimits> = {}, latency = LATENCY) {
    super({ vocabSize: 8192, ...limits });
    this.#clock = clock;
    this.#zero = zero;
    this.#latency = latency;
  }

  override async execute(plan: BatchPlan, { timed }: ExecuteOptions = {}): Promise<StepResult> {
    const result = this.compute(plan);
    const begin = Math.max(this.#free, this.#clock.time + this.#latency);
    const kernels = KERNELS.map((label, k) => {
      const start = Math.round((begin + k * (KERNEL_MS + GAP_MS) - this.#zero) * 1e6);
      return { label, dims: { M: plan.numTokens }, cost: { bytes: 0, flops: 0 }, start, nanoseconds: KERNEL_MS * 1e6 };
    });
    const { start, nanoseconds } = kernels.at(-1)!;
    const end = start + nanoseconds;
    this.#free = end / 1e6 + this.#zero;
    const due = this.#free + this.#latency;
    for (let n = 0; n < TURNS; n++) await setImmediate();
    this.#clock.time = Math.max(this.#clock.time, due);
    const times = { start: kernels[0]!.start, nanoseconds: end - kernels[0]!.start, kernels };
    return { ...result, ...(timed === 'kernels' && { times }) };
  }
}
