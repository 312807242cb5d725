// One dispatch with all that the GPU needs of it.
import type { BoundOperands } from './bound-operands.ts';
import type { Cost, Dims, Grid } from './kernel-spec.ts';

/** One checked dispatch. */
export interface Dispatch {
  /** Kernel and variant. */
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  /** @internal */
  readonly operands: BoundOperands;
  readonly workgroups: Grid;
  readonly dims: Dims;
  /** Null where the kernel states none. */
  readonly cost: Cost | null;
}
