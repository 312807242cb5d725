import { planBatch } from '../../src/core/plan-batch.ts';
import type { ExecuteOptions, Runner, StepKernel, StepResult } from '../../src/core/runner.ts';
import type { Device } from '../../src/gpu/device.ts';
import { ReadbackRing } from '../../src/gpu/readback-ring.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { median } from '../statistics.ts';
import type { ProfiledStep } from './step-plans.ts';

/** A dispatch of a step. */
export type MeasuredKernel = Pick<StepKernel, 'label' | 'dims' | 'cost'> & { readonly ms: number };

/** What a step takes, in milliseconds: medians. */
export interface StepMeasurement {
  /** From the end of one step to that of the next, which was submitted meanwhile. No timestamps. */
  readonly wall: number;
  /** What the host does to submit such a step. */
  readonly encode: number;
  /** Between two timestamps around such a step. */
  readonly gpu: number;
  /** In order, each in a pass of its own. */
  readonly kernels: readonly MeasuredKernel[];
}

const ROUNDS = 3;
/** Steps of a round that are measured in one way: as many as this takes, within bounds. Of longer ones there are fewer rounds. */
const ROUND_MS = 500;
const ROUNDS_OF_LONG_STEPS = 2;
const MAX_STEPS = 8;
const READBACKS = 20;
const BYTES = 4;

/**
 * Runs a step over and over, by turns without timestamps, between two, and with some around each kernel.
 *
 * @throws the signal's reason; DeviceLostError or GpuError when the device fails.
 */
export async function measureStep(
  runner: Runner,
  step: ProfiledStep,
  { signal, onRound }: { readonly signal: AbortSignal; readonly onRound: (round: string) => void },
): Promise<StepMeasurement> {
  onRound('warm-up');
  const ms = await warmUp(runner, step);
  const count = Math.max(1, Math.min(MAX_STEPS, Math.floor(ROUND_MS / ms)));
  const rounds = ms > ROUND_MS ? ROUNDS_OF_LONG_STEPS : ROUNDS;
  const samples = { walls: [] as number[], encodes: [] as number[], gpus: [] as number[] };
  const kernels: (readonly StepKernel[])[] = [];
  for (let round = 1; round <= rounds; round++) {
    onRound(`round ${round} of ${rounds}`);
    signal.throwIfAborted();
    const { walls, encodes } = await runSteps(runner, step, count + 1);
    samples.walls.push(...walls);
    samples.encodes.push(...encodes);
    signal.throwIfAborted();
    const whole = await runSteps(runner, step, count, { timed: 'step' });
    samples.gpus.push(...whole.results.flatMap(({ times }) => (times ? [times.nanoseconds / 1e6] : [])));
    signal.throwIfAborted();
    const each = await runSteps(runner, step, count, { timed: 'kernels' });
    kernels.push(...each.results.flatMap(({ times }) => (times ? [times.kernels] : [])));
  }
  return {
    wall: median(samples.walls),
    encode: median(samples.encodes),
    gpu: median(samples.gpus),
    kernels: (kernels[0] ?? []).map(({ label, dims, cost }, k) => {
      const times = kernels.map((dispatches) => dispatches[k]!.nanoseconds / 1e6);
      return { label, dims, cost, ms: median(times) };
    }),
  };
}

/**
 * Milliseconds of a submit that only copies a word to the host, from its encoding to the word: what a step can't do
 * without.
 *
 * @throws DeviceLostError or GpuError when the device fails.
 */
export async function measureReadback(device: Device): Promise<number> {
  using tensor = Tensor.create(device, 'readback', 'u32', [1]);
  using owned = new DisposableStack();
  const ring = owned.adopt(new ReadbackRing(device, 'readback', BYTES), (each) => each.close());
  const times: number[] = [];
  for (let n = 0; n < READBACKS; n++) {
    const start = performance.now();
    const encoder = device.gpu.createCommandEncoder({ label: 'readback' });
    const read = ring.encode(encoder, [{ tensor, size: BYTES }]);
    device.gpu.queue.submit([encoder.finish()]);
    await read();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Milliseconds of a step by itself, not counting what its first run prepares unless it is long. */
async function warmUp(runner: Runner, step: ProfiledStep): Promise<number> {
  let ms = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 2 && (n === 0 || ms < ROUND_MS); n++) {
    const start = performance.now();
    await runSteps(runner, step, 1);
    ms = performance.now() - start;
  }
  return ms;
}

/** As the engine does: a step is submitted before the one before it is read. The first, which none comes before, has no wall. */
async function runSteps(runner: Runner, { rows }: ProfiledStep, count: number, options: ExecuteOptions = {}) {
  const [ends, encodes, results]: [number[], number[], StepResult[]] = [[], [], []];
  const submit = async () => {
    const start = performance.now();
    const step = runner.execute(planBatch(rows, runner.limits).plan, options);
    encodes.push(performance.now() - start);
    results.push(await step);
    ends.push(performance.now());
  };
  let before = submit();
  for (let n = 1; n < count; n++) {
    const next = submit();
    next.catch(() => {}); // if the one before fails, nobody waits for this one
    await before;
    before = next;
  }
  await before;
  const walls = ends.slice(1).map((end, n) => end - ends[n]!);
  return { walls, encodes, results };
}
