// Measurement of some dispatches again and again, by the GPU's timestamps or, where it has none, by the host's clock: then many of them at
// once, so that the submit and the readback around them count little.
import type { Device } from '../gpu/device.ts';
import type { Dispatch } from '../gpu/dispatch.ts';
import { KernelTimer } from '../gpu/kernel-timer.ts';
import { Program } from '../gpu/program.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { PreparedWork } from './work.ts';

/**
 * How runs are laid out: `row`, many in one pass, each after the one before it, as in a step of a model; `alone`, each in a pass of
 * its own. The host's clock times rows in both.
 */
export type TimingMode = 'row' | 'alone';

/** Milliseconds that a row takes by timestamps. */
const ROW_MILLISECONDS = 2;
/** By the host's clock. */
const CLOCK_MILLISECONDS = 20;
/** Fewest runs in a row, and most dispatches. */
const [MIN_RUNS, MAX_DISPATCHES] = [2, 4096];

/** Measures the milliseconds of a run. */
export class Sampler {
  readonly #device: Device;
  readonly #program: Program;
  readonly #runs: number;
  /** Tensor that is read back to wait for the queue; null with timestamps. */
  readonly #fence: Tensor | null;

  private constructor(device: Device, program: Program, runs: number, fence: Tensor | null) {
    this.#device = device;
    this.#program = program;
    this.#runs = runs;
    this.#fence = fence;
  }

  /**
   * Finds how many runs make a row, and records it.
   *
   * @throws GpuError or DeviceLostError when the device fails.
   */
  static async create(device: Device, { label, dispatches }: PreparedWork, mode: TimingMode): Promise<Sampler> {
    const program = (runs: number) => new Program(device, label, repeat(dispatches, runs));
    const most = Math.max(1, Math.floor(MAX_DISPATCHES / Math.max(1, dispatches.length)));
    using owned = new DisposableStack();
    const fence = device.traits.timestamps ? null : owned.use(Tensor.create(device, `${label} (time)`, 'u32', [1]));
    let sampler = new Sampler(device, program(1), 1, fence);
    if (fence !== null) {
      let runs = 1;
      while (runs < most && (await sampler.sample()) * runs < CLOCK_MILLISECONDS) {
        runs = Math.min(2 * runs, most);
        sampler.#program.close();
        sampler = new Sampler(device, program(runs), runs, fence);
      }
    } else if (mode === 'row') {
      const runs = Math.min(most, Math.max(MIN_RUNS, Math.ceil(ROW_MILLISECONDS / (await sampler.sample()))));
      sampler.#program.close();
      sampler = new Sampler(device, program(runs), runs, fence);
    }
    owned.move();
    return sampler;
  }

  /** Measures once. @throws GpuError or DeviceLostError when the device fails. */
  async sample(): Promise<number> {
    const [milliseconds = 0] = await this.samples(1);
    return milliseconds;
  }

  /** Measures `count` times in a row, by timestamps with one submit. @throws as `sample`. */
  async samples(count: number): Promise<number[]> {
    if (this.#fence === null) return this.#byTimestamps(count);
    const times: number[] = [];
    for (let n = 0; n < count; n++) times.push((await this.#byClock(this.#fence)) / this.#runs);
    return times;
  }

  /** Lets go of the program; idempotent. */
  close(): void {
    this.#program.close();
    this.#fence?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #byTimestamps(count: number): Promise<number[]> {
    const { label } = this.#program;
    const read = await this.#device.checked(label, () => {
      const encoder = this.#device.gpu.createCommandEncoder({ label });
      const spans = new KernelTimer(this.#device).encodeRuns(encoder, this.#program, count);
      this.#device.gpu.queue.submit([encoder.finish()]);
      return spans;
    });
    return (await read()).map(({ nanoseconds }) => nanoseconds / 1e6 / this.#runs);
  }

  /** Milliseconds from the submit of all runs to the end of the last. */
  async #byClock(fence: Tensor): Promise<number> {
    await fence.read();
    const start = performance.now();
    this.#program.submit();
    await fence.read();
    return performance.now() - start;
  }
}

function repeat(dispatches: readonly Dispatch[], runs: number): Dispatch[] {
  return Array.from({ length: runs }, () => dispatches).flat();
}
