// Times of the kernels of a step: its dispatches in groups of one kernel, variant and size.
import type { Device } from '../../src/gpu/device.ts';
import type { Dispatch } from '../../src/gpu/dispatch.ts';
import { KernelTimer } from '../../src/gpu/kernel-timer.ts';
import { Program } from '../../src/gpu/program.ts';
import { sum } from '../../src/util/statistics.ts';
import { pollSlowly } from '../common/slow-polling.ts';

/** Dispatches of a step that are of one kernel, variant and size. */
export interface MeasuredKernel extends Pick<Dispatch, 'label' | 'dims' | 'cost'> {
  readonly dispatches: number;
  /** Milliseconds of all of them: the mean of the runs that are neither among the fastest nor the slowest quarter. */
  readonly ms: number;
}

type Dispatches = readonly [Dispatch, ...Dispatch[]];

/**
 * Times the dispatches of a step in groups, each in one pass between two timestamps: a pass for each dispatch would add more than
 * a small one takes. So they run in another order than in the step, on the same bytes, and compute nothing of use.
 */
export class StepKernels {
  readonly #device: Device;
  readonly #timer: KernelTimer;
  readonly #step: Program;
  readonly #groups: readonly Dispatches[];
  readonly #programs: readonly Program[];
  /** Milliseconds of each group in each run. */
  readonly #runs: (readonly number[])[] = [];

  /** @param step belongs to this object from now on. */
  constructor(device: Device, step: Program) {
    this.#device = device;
    this.#timer = new KernelTimer(device);
    this.#step = step;
    this.#groups = group(step.dispatches);
    this.#programs = this.#groups.map((dispatches) => new Program(device, dispatches[0].label, dispatches));
  }

  /** Runs and times all groups once. @throws GpuError when the device has no timestamps; DeviceLostError or GpuError when it fails. */
  async run(): Promise<void> {
    const encoder = this.#device.gpu.createCommandEncoder({ label: 'kernels of a step' });
    const reads = this.#programs.map((program) => this.#timer.encodeWhole(encoder, program));
    this.#device.gpu.queue.submit([encoder.finish()]);
    const spans = await pollSlowly(this.#device.traits, () => Promise.all(reads.map((read) => read())));
    this.#runs.push(spans.map(({ nanoseconds }) => nanoseconds / 1e6));
  }

  /** Lists the groups in the order of their first dispatches. Their times add up to a run's, as medians of each would not. */
  measured(): MeasuredKernel[] {
    const sorted = this.#runs.toSorted((a, b) => sum(a) - sum(b));
    const quarter = Math.floor(sorted.length / 4);
    const middle = sorted.slice(quarter, sorted.length - quarter);
    return this.#groups.map((dispatches, g) => {
      const [{ label, dims, cost }] = dispatches;
      const ms = sum(middle.map((run) => run[g]!)) / middle.length;
      return { label, dims, cost, dispatches: dispatches.length, ms };
    });
  }

  /** Frees the programs; idempotent. */
  close(): void {
    for (const program of [this.#step, ...this.#programs]) program.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Groups dispatches by variant and sizes. */
function group(dispatches: readonly Dispatch[]): Dispatches[] {
  const found = new Map<string, [Dispatch, ...Dispatch[]]>();
  for (const dispatch of dispatches) {
    const key = dispatch.label + JSON.stringify(dispatch.dims);
    const known = found.get(key);
    if (known) known.push(dispatch);
    else found.set(key, [dispatch]);
  }
  return [...found.values()];
}
