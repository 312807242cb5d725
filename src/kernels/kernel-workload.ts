// Contract of a kernel's workloads: contents of its inputs where they decide how long a dispatch takes or which memory it
// reads. Every other input may hold any numbers, so a kernel that has none of these needs no workload.
import type { Kernel } from '../gpu/kernel.ts';
import type { Cost, Dims, KernelSpec, Variant } from '../gpu/kernel-spec.ts';
import type { TensorData } from '../gpu/tensor-data.ts';
import type { DispatchOf } from './examination.ts';
import type { StepTokens } from './step-tokens.ts';

/** Contents of some inputs of a dispatch. */
export interface WorkloadInputs<S extends KernelSpec = KernelSpec> {
  /** Elements by binding; fewer than the tensor has repeat to its end. */
  readonly data: { readonly [K in keyof S['bindings']]?: TensorData };
  /** Shape letters and scalars that the variant decides. */
  readonly sizes?: Dims;
}

/** One workload of a kernel at the sizes of a dispatch. */
export interface Workload<S extends KernelSpec = KernelSpec> {
  /** Its name among those of the kernel; null where the kernel's place in the model names it. */
  readonly name: string | null;
  /** Makes the contents for a variant. */
  inputs(variant: Variant): WorkloadInputs<S>;
}

/** Workloads of a kernel, and their cost where no size tells it. */
export interface KernelWorkloads<S extends KernelSpec = KernelSpec> {
  /** The library's; another of its declaration is loaded alike. */
  readonly kernel: Kernel<S>;
  /** Lists the workloads at the sizes of a dispatch in a step. */
  list(dispatch: Pick<DispatchOf<S>, 'dims' | 'use'>, step: StepTokens): readonly Workload<S>[];
  /** Returns false for a variant that is for other steps than this. */
  suits?(variant: Variant, step: StepTokens): boolean;
  /** Cost of a dispatch in a step, in place of the declaration's. @param dims with the variant's constants. */
  cost?(dims: DispatchOf<S>['dims'], step: StepTokens): Cost;
}
