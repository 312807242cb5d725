import { planBatch } from '../../src/core/plan-batch.ts';
import type { ExecuteOptions, StepResult } from '../../src/core/runner.ts';
import type { Device } from '../../src/gpu/device.ts';
import { ReadbackRing } from '../../src/gpu/readback-ring.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import type { Figure } from '../common/figures.ts';
import { median, smallest } from '../common/statistics.ts';
import { medianRoofline, type Roofline } from '../kernels/roofline.ts';
import type { RooflineProbe } from '../kernels/roofline-probe.ts';
import { type MeasuredKernel, StepKernels } from './step-kernels.ts';
import type { ProfiledStep } from './step-plans.ts';

/** What a step takes, in milliseconds: medians where nothing else is said. */
export interface StepMeasurement {
  /** Of a step in a row of steps, each submitted before the one before it is read. No timestamps. */
  readonly wall: Figure;
  /** What the host does to submit such a step: the least, since its thread may have to wait for the processor meanwhile. */
  readonly encode: Figure;
  /** Between two timestamps around such a step. */
  readonly gpu: Figure;
  /** In the order of their first dispatches. */
  readonly kernels: readonly MeasuredKernel[];
  /** What the adapter could do meanwhile. */
  readonly roofline: Roofline;
}

/** What a step is measured with. */
export interface MeasureOptions {
  readonly device: Device;
  readonly probe: RooflineProbe;
  readonly signal: AbortSignal;
  readonly onRound: (round: string) => void;
}

/** All rounds of a step take about so long, and there are no more and, of long steps, no fewer. */
const TOTAL_MS = 4000;
const MIN_ROUNDS = 2;
const MAX_ROUNDS = 16;
/** Steps of a round that are measured in one way: as many as this takes, at most. */
const WAY_MS = 100;
const MAX_STEPS = 8;
/** A step of this or more needs no second warm-up. */
const LONG_MS = 500;
const READBACKS = 20;
const BYTES = 4;

/**
 * Runs a step over and over, by turns without timestamps, between two, and kernel by kernel, and measures what the adapter
 * can do in between, so that whatever else the machine does meets all of them alike.
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
    rooflines.push(await probe.measure());
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
 * Milliseconds of a submit that only copies a word to the host, from its encoding to the word: what a step can't do
 * without.
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

/** Milliseconds of a step by itself, not counting what its first run prepares unless it is long. */
async function warmUp(runner: ModelRunner, step: ProfiledStep): Promise<number> {
  let ms = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 2 && (n === 0 || ms < LONG_MS); n++) {
    const start = performance.now();
    await runSteps(runner, step, 1);
    ms = performance.now() - start;
  }
  return ms;
}

/** As the engine does: a step is submitted before the one before it is read. */
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
    next.catch(() => {}); // if the one before fails, nobody waits for this one
    await before;
    before = next;
  }
  await before;
  return { wall: (performance.now() - begin) / count, encodes, results };
}
