// Comparison of a variant that a model takes with the bits that it must give: those of the base variant of its kernel, or of the
// kernels that a fused kernel stands for.
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims, Variant } from '../gpu/kernel-spec.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { ModelDispatch, ModelWork } from '../kernels/examination.ts';
import { fusionOf } from '../kernels/fusions.ts';
import type { KernelFusion } from '../kernels/kernel-fusion.ts';
import type { KernelVerification } from '../kernels/kernel-verification.ts';
import { type UploadedOperands, uploadOperands } from '../kernels/upload.ts';
import { KERNEL_VERIFICATIONS } from '../kernels/verifications.ts';
import { bitsOfParts } from './fused-parts.ts';
import { matterOfResult } from './matter-of-speed.ts';
import { type OutputBits, outputBits, readOutputs, sameBits } from './output-bits.ts';
import { pick } from './tunables.ts';

/** Variant of a kernel. */
interface KernelVariant {
  readonly kernel: Kernel;
  readonly variant: Variant;
}

/** Bits that a variant must give, by what gives them. */
export interface Base {
  /** Name in messages. */
  readonly name: string;
  /** The base variant of the kernel; or the parts of a fusion, in their base variants. */
  readonly variants: readonly [KernelVariant, ...KernelVariant[]];
  /** Null where the base is a variant of the kernel itself. */
  readonly fusion: KernelFusion | null;
}

/** A variant at some sizes, and the dispatches that have it. */
export interface Comparison {
  readonly verification: KernelVerification;
  readonly base: Base;
  readonly sizes: Dims;
  readonly dispatches: readonly [ModelDispatch, ...ModelDispatch[]];
}

/** Lists the variants that are not what they are compared with, each at every combination of sizes. */
export function listComparisons(device: Device, work: ModelWork): readonly Comparison[] {
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
  if (fusion === null) {
    const base = kernel.base(traits, matterOfResult(kernel, variant));
    return { name: labelOf(kernel.name, base), variants: [{ kernel, variant: base }], fusion };
  }
  const [first, ...others] = fusion.parts.map((part) => ({
    kernel: part.kernel,
    variant: part.kernel.base(traits, part.choice(variant)),
  }));
  return { name: fusion.parts.map((part) => part.kernel.name).join(' and '), variants: [first!, ...others], fusion };
}

/** Lists the variants of a comparison, the base's first. */
function variantsOf({ base, dispatches: [{ kernel, variant }] }: Comparison): readonly KernelVariant[] {
  return [...base.variants, { kernel, variant }];
}

/** Returns what a comparison depends on, on one adapter: names and texts of the variants, and sizes. */
export async function comparedOf(device: Device, comparison: Comparison): Promise<readonly unknown[]> {
  const texts = variantsOf(comparison).map(async ({ kernel, variant }) => [
    labelOf(kernel.name, variant),
    await kernel.wgsl(device, variant),
  ]);
  return [...(await Promise.all(texts)), comparison.sizes];
}

/** Compiles the variants of a comparison. @throws GpuError or KernelError where one can't be compiled. */
export async function buildCompared(device: Device, comparison: Comparison): Promise<void> {
  await Promise.all(variantsOf(comparison).map(({ kernel, variant }) => kernel.build(device, variant)));
}

/** Runs a variant and its base, and tells whether both leave the same words. @throws GpuError or DeviceLostError. */
export async function givesBitsOfBase(device: Device, comparison: Comparison): Promise<boolean> {
  const { base, dispatches } = comparison;
  const [{ kernel, variant }] = dispatches;
  const bitsOf = (each: Variant) =>
    withOperands(device, comparison, each, async (uploaded) =>
      outputBits(device, kernel, uploaded, each, await readOutputs(uploaded.outputs)),
    );
  const { fusion, variants } = base;
  const bitsOfBase =
    fusion === null
      ? bitsOf(variants[0].variant)
      : withOperands(device, comparison, variant, (uploaded) =>
          bitsOfParts(
            device,
            fusion,
            uploaded,
            variants.map((part) => part.variant),
          ),
        );
  const want = await bitsOfBase;
  return sameBits(await bitsOf(variant), want);
}

/** Puts the operands of a variant on the device for as long as they are run on. */
async function withOperands(
  device: Device,
  { verification, dispatches: [{ dims }] }: Comparison,
  variant: Variant,
  run: (uploaded: UploadedOperands) => Promise<OutputBits>,
): Promise<OutputBits> {
  using owned = new DisposableStack();
  const operands = verification.operands({ dims: { ...dims, ...variant.constants }, variant });
  return await run(uploadOperands(device, owned, operands));
}
