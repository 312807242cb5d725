// Verification of the variants that a model is about to run: a compiler that was never tried may round one of them in another
// way, so each is compared with the base variant of its kernel bit by bit, and one that differs gives way to it.
import type { Device, DeviceIdentity } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import type { Dims, Variant } from '../gpu/kernel-spec.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { ModelDispatch, ModelWork } from '../kernels/examination.ts';
import { fusionOf } from '../kernels/fusions.ts';
import type { KernelOperands } from '../kernels/kernel-case.ts';
import type { KernelFusion } from '../kernels/kernel-fusion.ts';
import type { KernelVerification } from '../kernels/kernel-verification.ts';
import { uploadOperands } from '../kernels/upload.ts';
import { KERNEL_VERIFICATIONS } from '../kernels/verifications.ts';
import { bitsOfParts } from './fused-parts.ts';
import { matterOfResult } from './matter-of-speed.ts';
import { type OutputBits, outputBits, readOutputs, sameBits } from './output-bits.ts';
import { pick, sizesOf } from './tunables.ts';
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

/** Variant of the same kernel, or the base variants of the kernels that it stands for. */
type Base =
  | { readonly name: string; readonly fusion: null; readonly variant: Variant }
  | { readonly name: string; readonly fusion: KernelFusion };

/** A variant at some sizes, and the dispatches that have it. */
interface Comparison {
  readonly verification: KernelVerification;
  /** What the variant is compared with. */
  readonly base: Base;
  readonly sizes: Dims;
  readonly dispatches: readonly [ModelDispatch, ...ModelDispatch[]];
}

async function findDiffering(
  device: Device,
  work: ModelWork,
  file: VerifiedFile,
  onProgress: VerifyProgress,
): Promise<readonly Differing[]> {
  const differing = new Map<string, Differing>();
  const comparisons = listComparisons(device, work);
  for (const [index, comparison] of comparisons.entries()) {
    if (await isEqual(device, comparison, file, () => onProgress(index, comparisons.length))) continue;
    const { verification, base, dispatches } = comparison;
    for (const { kernel, variant, dims } of dispatches) {
      const fallback = { variant: labelOf(kernel.name, variant), base: base.name };
      const sizes = sizesOf(verification.tuning, dims);
      const key = keyOf(kernel.name, sizes);
      const choice =
        base.fusion === null
          ? choiceOf(base.variant, kernel.variant(device.traits, matterOfResult(kernel, variant)))
          : null;
      differing.set(key, { fallback, key, choice: choice && { kernel: kernel.name, sizes, choice } });
    }
  }
  return [...differing.values()];
}

/** Lists the variants that are not what they are compared with, each at every combination of sizes. */
function listComparisons(device: Device, work: ModelWork): readonly Comparison[] {
  return KERNEL_VERIFICATIONS.flatMap((verification) => {
    const kernel = work.kernel(verification.tuning.kernel);
    const groups = Map.groupBy(work.of(kernel), ({ variant, dims }) =>
      JSON.stringify([labelOf(kernel.name, variant), pick(dims, verification.sizes)]),
    );
    return [...groups.values()].flatMap(([first, ...others]): Comparison[] => {
      if (first === undefined) return [];
      const base = baseOf(device, first);
      if (base.name === labelOf(kernel.name, first.variant)) return [];
      const sizes = pick(first.dims, verification.sizes);
      return [{ verification, base, sizes, dispatches: [first, ...others] }];
    });
  });
}

function baseOf({ traits }: Device, { kernel, variant }: ModelDispatch): Base {
  const fusion = fusionOf(kernel.name);
  if (fusion !== null) return { name: fusion.parts.map((part) => part.kernel.name).join(' and '), fusion };
  const base = kernel.base(traits, matterOfResult(kernel, variant));
  return { name: labelOf(kernel.name, base), fusion, variant: base };
}

/** Returns the names and texts of what is compared with a variant. */
async function textsOf(device: Device, { kernel, variant }: ModelDispatch, base: Base): Promise<readonly unknown[]> {
  const parts =
    base.fusion === null
      ? [{ kernel, choice: base.variant }]
      : base.fusion.parts.map((part) => ({ kernel: part.kernel, choice: part.choice(variant) }));
  const texts = parts.map(async ({ kernel: part, choice }) => {
    const own = part.base(device.traits, choice);
    return [labelOf(part.name, own), await part.wgsl(device, own)];
  });
  return await Promise.all(texts);
}

async function isEqual(
  device: Device,
  { verification, base, sizes, dispatches: [first] }: Comparison,
  file: VerifiedFile,
  onCompare: () => void,
): Promise<boolean> {
  const { kernel, variant, dims } = first;
  const text = await kernel.wgsl(device, variant);
  const key = [...(await textsOf(device, first, base)), [labelOf(kernel.name, variant), text], sizes];
  const known = file.get(key);
  if (known !== undefined) return known;
  onCompare();
  const run = async (each: Variant, fusion: KernelFusion | null): Promise<OutputBits> => {
    const operands = verification.operands({ dims: { ...dims, ...each.constants }, variant: each });
    return await runOnce(device, first, operands, each, fusion);
  };
  const want = await (base.fusion === null ? run(base.variant, null) : run(variant, base.fusion));
  const equal = sameBits(await run(variant, null), want);
  file.set(key, equal);
  return equal;
}

async function runOnce(
  device: Device,
  { kernel }: ModelDispatch,
  operands: KernelOperands<ModelDispatch['kernel']['spec']>,
  variant: Variant,
  fusion: KernelFusion | null,
): Promise<OutputBits> {
  using owned = new DisposableStack();
  const uploaded = uploadOperands(device, owned, operands);
  if (fusion !== null) return await bitsOfParts(device, fusion, uploaded, variant);
  return await outputBits(device, kernel, uploaded, variant, await readOutputs(uploaded.outputs));
}
