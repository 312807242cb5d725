// Runs of kernels on host tensors between guard words, as words.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec, ScalarsOf, TensorsOf, VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import type { HostTensor } from '../../../src/kernels/kernel-case.ts';
import { runGuarded } from '../../../src/testing/check-kernel.ts';

/**
 * Runs a kernel between guard words.
 *
 * @returns the words of the one tensor that it writes.
 */
export async function runKernel<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  operands: TensorsOf<S, HostTensor, HostTensor>,
  scalars: ScalarsOf<S>,
  choice?: VariantChoice,
): Promise<Uint32Array> {
  const [words, ...others] = Object.values(await runOutputs(device, kernel, operands, scalars, choice));
  if (words === undefined || others.length > 0) throw new Error(`${kernel.name} writes ${others.length + 1} tensors`);
  return words;
}

/**
 * Runs a kernel between guard words.
 *
 * @returns the words of each tensor that it writes, by name.
 */
export async function runOutputs<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  operands: TensorsOf<S, HostTensor, HostTensor>,
  scalars: ScalarsOf<S>,
  choice?: VariantChoice,
): Promise<Record<string, Uint32Array>> {
  const anyKernel: Kernel = kernel;
  const outputs = await runGuarded<KernelSpec>(device, anyKernel, operands, scalars, { choice });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { buffer, byteOffset, byteLength }]) => {
      return [name, new Uint32Array(buffer, byteOffset, byteLength / 4)];
    }),
  );
}
