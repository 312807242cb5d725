// The fused kernels. A model asks for them by name, so that it names a kernel and knows no device.
import type { KernelFusion } from './kernel-fusion.ts';
import { normMatmulFusion, normMatmulKVWriteFusion, rmsnormMatmulFusion } from './matmul/fusion.ts';

const KERNEL_FUSIONS: readonly KernelFusion[] = [normMatmulFusion, normMatmulKVWriteFusion, rmsnormMatmulFusion];

/** Returns the fusion of a kernel by its name; null for one that stands for itself. */
export function fusionOf(kernel: string): KernelFusion | null {
  return KERNEL_FUSIONS.find(({ kernel: { name } }) => name === kernel) ?? null;
}
