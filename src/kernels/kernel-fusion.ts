// Contract of a fused kernel: the kernels that it stands for, which give the same bits one after the other. A model takes the
// one or the others, and the verifier compares them.
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims, KernelSpec, Variant, VariantChoice } from '../gpu/kernel-spec.ts';

/** Operand of a part that another part of the same fusion writes or reads; no operand of the fused kernel. */
export const BETWEEN = 'between';

/** One of the kernels that a fused kernel stands for. */
export interface FusedPart {
  readonly kernel: Kernel;
  /** Operand of the fused kernel, or BETWEEN, for each binding. */
  readonly tensors: Readonly<Record<string, string>>;
  /** Scalars that it takes of the fused kernel. */
  readonly scalars: readonly string[];
  /** Chooses storage and epilogue as a variant of the fused kernel has them. */
  choice(variant: Variant): VariantChoice;
}

/** A fused kernel and what it stands for. */
export interface KernelFusion<S extends KernelSpec = KernelSpec> {
  readonly kernel: Kernel<S>;
  /** In their order; a first one writes BETWEEN, with the shape of the operand `like`, for those after it. */
  readonly parts: readonly FusedPart[];
  readonly like: keyof S['bindings'] & string;
  /** Tells whether a device runs the fused kernel at some sizes, those of the bucket of its tuning: listed steps have no others. */
  pays(traits: DeviceTraits, sizes: Dims): boolean;
}
