// Measurement of one step. Timestamps slow a step down, so its time, its GPU time and its kernels' times come from different runs.
import { planBatch } from '../../src/core/plan-batch.ts';
import type { ExecuteOptions, StepResult } from '../../src/core/runner.ts';
import type { Device } from '../../src/gpu/device.ts';
import { ReadbackRing } from '../../src/gpu/readback-ring.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import { medianRoofline, type Roofline } from '../../src/timing/roofline.ts';
import type { RooflineProbe } from '../../src/timing/roofline-probe.ts';
import type { Figure } from '../../src/util/figures.ts';
import { median, smallest } from '../../src/util/statistics.ts';
import { pollSlowly } from '../common/slow-polling.ts';
import { type MeasuredKernel, StepKernels } from './step-kernels.ts';
import type { ProfiledStep } from './step-plans.ts';

/** Times of a step in milliseconds; medians unless stated otherwise. */
export interface StepMeasurement {
  /** Time of a step in a row of steps without timestamps, each submitted before the result of the one before it is read. */
  readonly wall: Figure;
  /** Host time to submit such a step: the least, since the thread may have to wait for the processor. */
  readonly encode: Figure;
  /** Time between two timestamps around such a step. */
  readonly gpu: Figure;
  /** Kernels in the order of their first dispatches. */
  readonly kernels: readonly MeasuredKernel[];
  /** Best of the adapter in the same rounds. */
  readonly roofline: Roofline;
}

/** Device, probe and callbacks of a measurement. */
export interface MeasureOptions {
  readonly device: Device;
  readonly probe: RooflineProbe;
  readonly signal: AbortSignal;
  /** Called before each round with its name. */
  readonly onRound: (round: string) => void;
}

/** Milliseconds that all rounds of a step take, within the bounds of their number. */
const TOTAL_MS = 4000;
/** Fewest rounds, for long steps. */
const MIN_ROUNDS = 2;
/** Most rounds, for short steps. */
const MAX_ROUNDS = 16;
/** Milliseconds that the steps of a round take in each of the three ways, at most. */
const WAY_MS = 100;
/** Most steps of a round in one way. */
const MAX_STEPS = 8;
/** Milliseconds from which on a step needs no second warm-up. */
const LONG_MS = 500;
/** Submits whose median is the time of a readback. */
const READBACKS = 20;
/** Bytes of a readback. */
const BYTES = 4;

/**
 * Measures a step in rounds: without timestamps, between two, and kernel by kernel, with a probe of the adapter in each round,
 * so that other load on the machine meets all of them alike.
 *
 * @throws the signal's reason; DeviceLostError or GpuError when the device fails.
 */
export async function measureStep(
  runner: ModelRunner,
  step: ProfiledStep,
  { device, probe, signal, onRound }: MeasureOptions,
): Promise<StepMeasurement> {
  onRound('warm-up');
  const ms = await warmUp(runner, step);
  const count = Math.max(1, Math.min(MAX_STEPS, Math.floor(WAY_MS / ms)));
  const rounds = Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, Math.floor(TOTAL_MS / ((3 * count + 1) * ms))));
  using kernels = new StepKernels(device, runner.record(planBatch(step.rows, runner.limits).plan));
  const samples = { walls: [] as number[], encodes: [] as number[], gpus: [] as number[] };
  const rooflines: Roofline[] = [];
  for (let round = 1; round <= rounds; round++) {
    onRound(`round ${round} of ${rounds}`);
    rooflines.push(await pollSlowly(device.traits, () => probe.measure()));
    signal.throwIfAborted();
    const { wall, encodes } = await runSteps(runner, step, count + 1);
    samples.walls.push(wall);
    samples.encodes.push(...encodes);
    signal.throwIfAborted();
    const whole = await runSteps(runner, step, count, { timed: 'step' });
    samples.gpus.push(...whole.results.flatMap(({ times }) => (times ? [times.nanoseconds / 1e6] : [])));
    for (let n = 0; n < count; n++) {
      signal.throwIfAborted();
      await kernels.run();
    }
  }
  return {
    wall: median(samples.walls),
    encode: smallest(samples.encodes),
    gpu: median(samples.gpus),
    kernels: kernels.measured(),
    roofline: medianRoofline(rooflines),
  };
}

/**
 * Measures the milliseconds of a submit that only copies a word to the host, from its encoding to the word: no step takes less.
 *
 * @throws DeviceLostError or GpuError when the device fails.
 */
export async function measureReadback(device: Device): Promise<Figure> {
  using tensor = Tensor.create(device, 'readback', 'u32', [1]);
  using owned = new DisposableStack();
  const ring = owned.adopt(new ReadbackRing(device, 'readback', BYTES), (each) => each.close());
  const times: number[] = [];
  for (let n = 0; n < READBACKS; n++) {
    const start = performance.now();
    const encoder = device.gpu.createCommandEncoder({ label: 'readback' });
    await ring.submit(encoder, [{ tensor, size: BYTES }]);
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Measures the milliseconds of a step by itself: of the second run, or of the first where that takes LONG_MS. */
async function warmUp(runner: ModelRunner, step: ProfiledStep): Promise<number> {
  let ms = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 2 && (n === 0 || ms < LONG_MS); n++) {
    const start = performance.now();
    await runSteps(runner, step, 1);
    ms = performance.now() - start;
  }
  return ms;
}

/** Runs steps as the engine does: each is submitted before the result of the one before it is read. */
async function runSteps(runner: ModelRunner, { rows }: ProfiledStep, count: number, options: ExecuteOptions = {}) {
  const [encodes, results]: [number[], StepResult[]] = [[], []];
  const begin = performance.now();
  const submit = async () => {
    const start = performance.now();
    const step = runner.execute(planBatch(rows, runner.limits).plan, options);
    encodes.push(performance.now() - start);
    results.push(await step);
  };
  let before = submit();
  for (let n = 1; n < count; n++) {
    const next = submit();
    next.catch(() => {}); // if the one before fails, this one is not awaited
    await before;
    before = next;
  }
  await before;
  return { wall: (performance.now() - begin) / count, encodes, results };
}
