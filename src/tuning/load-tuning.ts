// Choices of variants at the start of a model: from the files of earlier starts, or measured now, for some seconds.
import type { Device } from '../gpu/device.ts';
import type { Dims } from '../gpu/kernel-spec.ts';
import type { Tunable } from './tunables.ts';
import { tuneKernel } from './tune-kernel.ts';
import { keyOf, type TunedChoice, Tuning } from './tuning.ts';
import { TuningFile } from './tuning-file.ts';

/**
 * `off`: built-in choices; `on`: those that were measured on this adapter before, and for some seconds others measured
 * now; `force`: all measured now.
 */
export type TuneMode = 'off' | 'on' | 'force';

/** The values of the option `tune`. */
export const TUNE_MODES: readonly TuneMode[] = ['off', 'on', 'force'];

/** Source of choices, and how long it may measure. */
export interface TuningOptions {
  /** Default `off` on a software adapter, for which the built-in choices were measured, else `on`. */
  readonly mode: TuneMode | undefined;
  /** Milliseconds for which `on` measures, by default 5000; what is left is measured at the next start. */
  readonly budget?: number;
  /** Called with the number of sizes measured, and of those to measure. */
  readonly onProgress?: ((numDone: number, numSizes: number) => void) | undefined;
}

/** Milliseconds that a start spends on measuring, by default. */
const BUDGET = 5000;

/**
 * Loads the choices for some kernels, and measures those that are missing. What was measured is kept in any case.
 *
 * @param list what there is to choose; called where choices are loaded, since listing them takes a while.
 * @throws GpuError or DeviceLostError when the device fails; what `onProgress` throws.
 */
export async function loadTuning(
  device: Device,
  list: () => readonly Tunable[],
  options: TuningOptions,
): Promise<Tuning> {
  const { mode = device.traits.isSoftware ? 'off' : 'on', budget = BUDGET, onProgress = () => {} } = options;
  if (mode === 'off') return new Tuning(device.traits);
  const works = await Promise.all(list().map((tunable) => findWork(device, tunable, mode)));
  const numSizes = works.reduce((sum, { missing }) => sum + missing.length, 0);
  const deadline = mode === 'force' ? Number.POSITIVE_INFINITY : performance.now() + budget;
  const tuned: TunedChoice[] = [];
  let numDone = 0;
  if (numSizes > 0) onProgress(numDone, numSizes);
  for (const { tunable, file, choices, missing } of works) {
    const kernel = tunable.kernel.name;
    const numDoneBefore = numDone;
    try {
      for (const sizes of missing) {
        const choice = await tuneKernel(device, tunable, sizes, deadline);
        if (choice === null) break;
        choices.set(keyOf(kernel, sizes), { kernel, sizes, choice });
        onProgress(++numDone, numSizes);
      }
    } finally {
      if (numDone > numDoneBefore) await file.write([...choices.values()]);
    }
    tuned.push(...choices.values());
  }
  return new Tuning(device.traits, tuned);
}

/** Part of a tunable that is left to measure. */
interface Work {
  readonly tunable: Tunable;
  readonly file: TuningFile;
  /** Choices by `keyOf`: those of the file, until they are measured again. */
  readonly choices: Map<string, TunedChoice>;
  /** Sizes to be measured: those with several candidates and no choice yet. */
  readonly missing: readonly Dims[];
}

async function findWork(device: Device, tunable: Tunable, mode: 'on' | 'force'): Promise<Work> {
  const { kernel } = tunable;
  const sizes = tunable.sizes.filter((each) => tunable.candidates(each).length > 1);
  const file = await TuningFile.of(device, tunable);
  const choices = new Map((await file.read()).map((each) => [keyOf(kernel.name, each.sizes), each]));
  const missing = mode === 'force' ? sizes : sizes.filter((each) => !choices.has(keyOf(kernel.name, each)));
  return { tunable, file, choices, missing };
}
