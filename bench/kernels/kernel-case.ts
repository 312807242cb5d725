import type { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { Cost } from '../../src/gpu/kernel-spec.ts';
import type { NamedVariant } from '../../src/gpu/kernel-variants.ts';
import type { PackedMatrix } from '../../src/gpu/packed-matrix.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import type { ModelConfig } from '../../src/models/config.ts';

/** Tokens of a step, or rows of logits. */
export const SIZES: readonly number[] = [1, 2, 4, 8, 16, 64, 256];

/** What is timed: shapes and storage of a model, on a device. */
export interface BenchSubject {
  readonly device: Device;
  readonly config: ModelConfig;
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
}

/** A kernel on operands of one size. */
export interface KernelCase {
  readonly kernel: Kernel;
  /** Which of the kernel's uses in the model. */
  readonly name: string;
  readonly M: number;
  readonly variants: readonly NamedVariant[];
  /** Makes the operands of a variant; they belong to `owned`. */
  readonly prepare: (owned: DisposableStack, variant: NamedVariant) => PreparedCase;
}

export interface PreparedCase {
  readonly tensors: Readonly<Record<string, Tensor | PackedMatrix>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Where the kernel's own `cost` can't know it, because it depends on the contents of tensors. */
  readonly cost?: Cost;
}
