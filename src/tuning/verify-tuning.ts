// Verification of the variants that a model is about to run: a compiler that was never tried may round one of them in another
// way, so each is compared with the base variant of its kernel bit by bit, and one that differs gives way to it.
import type { Device } from '../gpu/device.ts';
import type { DeviceIdentity } from '../gpu/device-traits.ts';
import { KernelError } from '../gpu/errors.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { ModelWork } from '../kernels/examination.ts';
import { buildCompared, type Comparison, comparedOf, givesBitsOfBase, listComparisons } from './comparison.ts';
import { matterOfResult } from './matter-of-speed.ts';
import { sizesOf } from './tunables.ts';
import { choiceOf } from './tune-kernel.ts';
import { keyOf, type TunedChoice, type Tuning } from './tuning.ts';
import { VerifiedFile } from './verified-file.ts';

/** A variant that is not run, since its bits are not those of the base variant. */
export interface Fallback {
  /** Name of the variant, and of that in its place. */
  readonly variant: string;
  readonly base: string;
}

/** Tells a user in a line that a variant is not run on an adapter. */
export function describeFallback({ variant, base }: Fallback, { name, driver }: DeviceIdentity): string {
  return `${base} runs instead of ${variant}, which has other bits on ${name} (${driver}); npx roseinfer doctor tells more`;
}

/** Choices of which every one has been compared. */
export interface VerifiedTuning {
  readonly tuning: Tuning;
  /** Variants that were given up, each once. */
  readonly fallbacks: readonly Fallback[];
}

/** Receives the number of variants compared, and of those to compare. */
export type VerifyProgress = (numDone: number, numVariants: number) => void;

/**
 * Compares every variant that a model takes with the base variant of its kernel, or of the kernels that it stands for, and
 * replaces those that differ.
 *
 * @param list lists the model's dispatches with some choices.
 * @throws KernelError where a variant differs that no choice can replace; GpuError or DeviceLostError when the device fails.
 */
export async function verifyTuning(
  device: Device,
  tuning: Tuning,
  list: (tuning: Tuning) => ModelWork,
  onProgress: VerifyProgress = () => {},
): Promise<VerifiedTuning> {
  const file = await VerifiedFile.open(device);
  const fallbacks = new Map<string, Fallback>();
  const replaced = new Set<string>();
  let current = tuning;
  try {
    for (;;) {
      const differing = await findDiffering(device, list(current), file, onProgress);
      if (differing.length === 0) return { tuning: current, fallbacks: [...fallbacks.values()] };
      for (const { fallback, key } of differing) {
        if (replaced.has(key)) throw new KernelError(fallback.variant, `has other bits than ${fallback.base} here`);
        replaced.add(key);
        fallbacks.set(fallback.variant, fallback);
      }
      const apart = differing.filter(({ choice }) => choice === null).map(({ key }) => key);
      current = current.with(
        differing.map(({ choice }) => choice).filter((choice) => choice !== null),
        apart,
      );
    }
  } finally {
    await file.save();
  }
}

interface Differing {
  readonly fallback: Fallback;
  /** Kernel and sizes that the variant was chosen for. */
  readonly key: string;
  /** Choice of the base variant for them; null for a fused kernel, in whose place those run that it stands for. */
  readonly choice: TunedChoice | null;
}

/** Compares what no earlier start has, once all of it is compiled side by side. */
async function findDiffering(
  device: Device,
  work: ModelWork,
  file: VerifiedFile,
  onProgress: VerifyProgress,
): Promise<readonly Differing[]> {
  const listed = await Promise.all(
    listComparisons(device, work).map(async (comparison) => ({
      comparison,
      compared: await comparedOf(device, comparison),
    })),
  );
  const unknown = listed.filter(({ compared }) => file.get(compared) === undefined);
  await Promise.all(unknown.map(({ comparison }) => buildCompared(device, comparison)));
  for (const [index, { comparison, compared }] of unknown.entries()) {
    onProgress(index, unknown.length);
    file.set(compared, await givesBitsOfBase(device, comparison));
  }
  const differing = listed.filter(({ compared }) => file.get(compared) === false);
  const replacements = differing.flatMap(({ comparison }) => replacementsOf(device, comparison));
  // Variants that share a choice, such as those of two epilogues, are replaced together.
  return [...new Map(replacements.map((each) => [each.key, each])).values()];
}

/** Returns what takes the place of a variant, for each of the sizes that it was chosen for. */
function replacementsOf({ traits }: Device, { verification, base, dispatches }: Comparison): readonly Differing[] {
  return dispatches.map(({ kernel, variant, dims }) => {
    const fallback = { variant: labelOf(kernel.name, variant), base: base.name };
    const sizes = sizesOf(verification.tuning, dims);
    const key = keyOf(kernel.name, sizes);
    if (base.fusion !== null) return { fallback, key, choice: null };
    const choice = choiceOf(base.variants[0].variant, kernel.variant(traits, matterOfResult(kernel, variant)));
    return { fallback, key, choice: { kernel: kernel.name, sizes, choice } };
  });
}
