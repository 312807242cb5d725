import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims } from '../gpu/kernel-spec.ts';
import type { sample } from '../kernels/sample/sample.ts';
import { type AttentionSizes, tunableAttention } from './attention-tuning.ts';
import { type MatmulSizes, tunableMatmuls } from './matmul-tuning.ts';
import { tunableSample } from './sample-tuning.ts';
import { type Tunable, tuneKernel } from './tune-kernel.ts';
import { keyOf, type TunedChoice, Tuning } from './tuning.ts';
import { TuningFile } from './tuning-file.ts';

/**
 * `off`: built-in choices; `on`: those that were measured on this adapter before, and for some seconds others measured
 * now; `force`: all measured now.
 */
export type TuneMode = 'off' | 'on' | 'force';

/** The values of the option `tune`. */
export const TUNE_MODES: readonly TuneMode[] = ['off', 'on', 'force'];

/** How choices come about. */
export interface TuningOptions {
  /** Default `off` on a software adapter, for which the built-in choices were measured, else `on`. */
  readonly mode: TuneMode | undefined;
  /** Milliseconds for which `on` measures, by default 5000; what is left is measured at the next start. */
  readonly budget?: number;
  /** Told how many sizes of kernels are measured, and of how many. */
  readonly onProgress?: ((numDone: number, numSizes: number) => void) | undefined;
}

/** Milliseconds that a start spends on measuring. */
const BUDGET = 5000;

/** What decides which variants a model may choose from, and at which sizes. */
export interface TunedModel extends MatmulSizes, AttentionSizes {
  readonly config: MatmulSizes['config'] & { readonly vocabSize: number };
  readonly kernels: Readonly<Record<'matmul' | 'matmulKVWrite' | 'attention' | 'attentionSplit', Kernel>> & {
    readonly sample: typeof sample;
  };
}

/**
 * The choices for some kernels, measured where they have to be.
 *
 * @throws GpuError or DeviceLostError when the device fails, and what `onProgress` throws; what was measured is kept.
 */
export async function loadTuning(
  device: Device,
  tunables: readonly Tunable[],
  options: TuningOptions,
): Promise<Tuning> {
  const { mode = device.traits.isSoftware ? 'off' : 'on', budget = BUDGET, onProgress = () => {} } = options;
  if (mode === 'off') return new Tuning(device.traits);
  const works = await Promise.all(tunables.map((tunable) => findWork(device, tunable, mode)));
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

/** The kernels of a model that have variants to choose from. */
export function modelTunables(device: Device, model: TunedModel): readonly Tunable[] {
  const { kernels, config } = model;
  return [
    ...tunableAttention(device, kernels, model),
    tunableSample(device, kernels.sample, config),
    ...tunableMatmuls(device, kernels, model),
  ];
}

interface Work {
  readonly tunable: Tunable;
  readonly file: TuningFile;
  /** By `keyOf`: what the file has, until it is measured anew. */
  readonly choices: Map<string, TunedChoice>;
  /** Sizes to be measured: there is something to choose. */
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
