// Contract of a kernel's verification: operands on which two variants that add in another order, or round where the other does
// not, can hardly have the same bits. The verifier takes the variants from a model's dispatches and knows no kernel by itself.
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import type { DispatchOf } from './examination.ts';
import type { KernelOperands } from './kernel-case.ts';
import type { KernelTuning } from './kernel-tuning.ts';

/** Verification of a kernel whose variants give the same bits; `Names` are the sizes that its operands follow. */
export interface KernelVerification<S extends KernelSpec = KernelSpec, Names extends string = string> {
  /** Tuning of the kernel: a variant was chosen by it, and the base variant can be chosen instead. */
  readonly tuning: KernelTuning<S>;
  /** Shape letters: a variant is verified once for each combination of their sizes. */
  readonly sizes: readonly Names[];
  /** Makes operands for a variant at the sizes of a dispatch. Outputs are the same for every variant, however it divides them. */
  operands(dispatch: Pick<DispatchOf<S>, 'dims' | 'variant'>): KernelOperands<S>;
}
