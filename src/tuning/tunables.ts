// Tunable kernels of a model: each kernel of the table of tunings, at the sizes of the model's own dispatches.
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims, Variant, VariantChoice } from '../gpu/kernel-spec.ts';
import type { ModelDispatch, ModelWork } from '../kernels/examination.ts';
import { bucketed, type KernelTuning } from '../kernels/kernel-tuning.ts';
import { KERNEL_TUNINGS } from '../kernels/tunings.ts';
import { type UploadedOperands, uploadOperands } from '../kernels/upload.ts';
import { filterEntries } from '../util/filter-entries.ts';
import { keyOf } from './tuning.ts';

/** A kernel whose variants give the same bits, and the sizes at which the fastest of them is wanted. */
export interface Tunable {
  readonly kernel: Kernel;
  /** Choice that all variants share, such as types of storage. */
  readonly fixed: VariantChoice;
  readonly sizes: readonly Dims[];
  /** Lists what is measured at some sizes, apart from what is fixed; the first is the prior. */
  readonly candidates: (sizes: Dims) => readonly VariantChoice[];
  /** Invents operands of some sizes. */
  readonly prepare: (owned: DisposableStack, sizes: Dims) => UploadedOperands;
}

/**
 * Lists what can be tuned of a model, in the order of `KERNEL_TUNINGS`. Dispatches of a kernel that fix the same make one
 * tunable; its sizes, those of buckets, stand in the order in which the model first has them.
 */
export function listTunables(device: Device, work: ModelWork): readonly Tunable[] {
  return KERNEL_TUNINGS.flatMap((tuning) => {
    const kernel = work.kernel(tuning.kernel);
    const byFixed = Map.groupBy(work.of(kernel), ({ variant }) => JSON.stringify(fixedOf(tuning, variant)));
    return [...byFixed.values()].map((dispatches) => tunableOf(device, kernel, tuning, dispatches));
  });
}

/** Makes one tunable. @param dispatches those that fix the same. */
function tunableOf(
  device: Device,
  kernel: Kernel,
  tuning: KernelTuning,
  dispatches: readonly ModelDispatch[],
): Tunable {
  const bySizes = Map.groupBy(dispatches, ({ dims }) => keyOf(kernel.name, sizesOf(tuning, dims)));
  return {
    kernel,
    fixed: fixedOf(tuning, dispatches[0]!.variant),
    sizes: [...bySizes.values()].map(([first]) => sizesOf(tuning, first!.dims)),
    candidates: (sizes) => tuning.candidates(kernel, device.traits, sizes),
    prepare: (owned, sizes) => {
      const { dims, variant } = bySizes.get(keyOf(kernel.name, sizes))![0]!;
      return uploadOperands(device, owned, tuning.operands({ dims: { ...dims, ...sizes }, variant }));
    },
  };
}

/** Returns the sizes that the variant of a dispatch is chosen for: those of their buckets. */
export function sizesOf(tuning: KernelTuning, dims: Dims): Dims {
  return bucketed(tuning, pick(dims, tuning.sizes));
}

function fixedOf({ fixed }: KernelTuning, { conditions, constants }: Variant): VariantChoice {
  return { conditions: pick(conditions, fixed), constants: pick(constants, fixed) };
}

/** Takes the values of some names. */
export function pick<T>(values: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> {
  return filterEntries(values, (name) => names.includes(name));
}
