// One dispatch with all that the GPU needs of it, and how its scalars arrive where there are no immediates.
import { ShaderStage } from './flags.ts';
import type { Cost, Dims, Grid } from './kernel-spec.ts';

/** One checked dispatch. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** The shader's `Params`, or null where it has none. */
  readonly params: Uint32Array | null;
  readonly workgroups: Grid;
  readonly dims: Dims;
  /** Null where the kernel states none. */
  readonly cost: Cost | null;
}

/** Group of the uniform buffer that carries `Params` where immediates are missing. */
export const PARAMS_GROUP = 1;

/** Layout of the group that carries `Params` in a uniform buffer at a dynamic offset. */
export function paramsLayout(gpu: GPUDevice): GPUBindGroupLayout {
  const buffer: GPUBufferBindingLayout = { type: 'uniform', hasDynamicOffset: true };
  return gpu.createBindGroupLayout({
    label: 'params',
    entries: [{ binding: 0, visibility: ShaderStage.COMPUTE, buffer }],
  });
}
