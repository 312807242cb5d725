// Contestants that take turns: each round times every one of them once, in a random order, so that what slows the machine down for a
// while meets all alike.
import type { Device } from '../gpu/device.ts';
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import { RangeValueError } from '../util/errors.ts';
import { permutation } from '../util/random-values.ts';
import { hashSeed } from '../util/rng.ts';
import { Sampler, type TimingMode } from './sampler.ts';
import { type KernelWork, type PreparedWork, type ProgramWork, prepareWork } from './work.ts';

/** Kernels and programs that are compared, each with its own type. */
export type Works<Specs extends readonly KernelSpec[]> = {
  readonly [I in keyof Specs]: KernelWork<Specs[I]> | ProgramWork;
};

/** How the runs of contestants are laid out, and what ends them. */
export interface ContestRules {
  readonly mode: TimingMode;
  readonly signal?: AbortSignal | undefined;
}

/** Rounds of a measurement. */
export interface Rounds {
  readonly rounds: number;
  /** Rounds before them, which do not count. */
  readonly warmUps: number;
  /** Seed of the orders. */
  readonly seed: number;
}

/** Contestants on a device. */
export class Contest {
  readonly works: readonly PreparedWork[];
  readonly #signal: AbortSignal | undefined;
  readonly #samplers: readonly Sampler[];

  private constructor(works: readonly PreparedWork[], samplers: readonly Sampler[], signal: AbortSignal | undefined) {
    this.works = works;
    this.#samplers = samplers;
    this.#signal = signal;
  }

  /** Records contestants. @throws GpuError or DeviceLostError when the device fails; the signal's reason. */
  static async open(device: Device, works: readonly PreparedWork[], { mode, signal }: ContestRules): Promise<Contest> {
    using owned = new DisposableStack();
    const samplers: Sampler[] = [];
    for (const work of works) {
      signal?.throwIfAborted();
      samplers.push(owned.use(await Sampler.create(device, work, mode)));
    }
    owned.move();
    return new Contest(works, samplers, signal);
  }

  /**
   * Times contestants in rounds; their samples of one round have one index.
   *
   * @param among their indices; all when absent.
   * @returns milliseconds of a run, by contestant and round.
   * @throws GpuError or DeviceLostError when the device fails; the signal's reason.
   */
  async measure(
    { rounds, warmUps, seed }: Rounds,
    among: readonly number[] = this.works.map((_, i) => i),
  ): Promise<readonly (readonly number[])[]> {
    const samples = among.map((): number[] => []);
    for (const [round, order] of ordersOf(seed, warmUps + rounds, among.length).entries()) {
      for (const i of order) {
        this.#signal?.throwIfAborted();
        const sample = await this.#samplers[among[i]!]!.sample();
        if (round >= warmUps) samples[i]!.push(sample);
      }
    }
    return samples;
  }

  /** Lets go of what was recorded; idempotent. */
  close(): void {
    for (const sampler of this.#samplers) sampler.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Prepares contestants, each with a name of its own.
 *
 * @throws RangeValueError for two of one name, and as `prepareWork`; KernelError and GpuError, as `Kernel.run`.
 */
export async function prepareContestants<const Specs extends readonly KernelSpec[]>(
  device: Device,
  contestants: Works<Specs>,
): Promise<readonly PreparedWork[]> {
  const works: PreparedWork[] = [];
  for (const [i, contestant] of contestants.entries()) {
    const work = await prepareWork(device, `contestant ${i}`, contestant);
    if (works.some(({ name }) => name === work.name)) {
      throw new RangeValueError(`name of contestant ${i}`, work.name, 'another than that of one before it');
    }
    works.push(work);
  }
  return works;
}

/** Makes the orders of rounds: each an independent permutation, a function of the seed and its index. */
export function ordersOf(seed: number, rounds: number, length: number): readonly (readonly number[])[] {
  return Array.from({ length: rounds }, (_, round) => permutation(hashSeed(seed, round), length));
}
