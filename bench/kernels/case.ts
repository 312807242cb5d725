// A case of the kernel benchmark: a kernel at one size, in its variants. Its operands are made when its turn comes.
import type { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { Cost, Variant } from '../../src/gpu/kernel-spec.ts';
import type { NamedVariant } from '../../src/gpu/kernel-variants.ts';
import type { PackedMatrix } from '../../src/gpu/packed-matrix.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { ModelDefinition } from '../../src/models/architecture.ts';
import type { ModelKernels } from '../../src/models/kernels.ts';
import type { WeightStorage } from '../../src/models/weight-storage.ts';

/** Tokens of a step, or rows of logits. */
export const SIZES: readonly number[] = [1, 2, 4, 8, 16, 64, 256];

/** Model whose kernels are timed at its shapes, on a device. */
export interface TimedModel {
  readonly device: Device;
  readonly kernels: ModelKernels;
  readonly model: ModelDefinition;
  /** Storage of the weight matrices. */
  readonly storage: WeightStorage;
  readonly kvDtype: KVDType;
}

/** Kernel at one size. */
export interface KernelCase {
  readonly kernel: Kernel;
  /** Its place in the model, or its workload. */
  readonly name: string;
  /** Rows or tokens. */
  readonly M: number;
  readonly variants: readonly NamedVariant[];
  /** Variant that the model takes, or would take of a kernel that it does not run. */
  readonly choice: Variant;
  /** Makes the operands of a variant; they belong to `owned`. */
  readonly prepare: (owned: DisposableStack, choice: Variant) => PreparedCase;
}

/** Operands of a case on the device. */
export interface PreparedCase {
  readonly tensors: Readonly<Record<string, Tensor | PackedMatrix>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Cost where the kernel's declaration can't know it, because it depends on the contents of tensors. */
  readonly cost: Cost | null;
}
