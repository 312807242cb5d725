// Runs of kernels on host tensors, and the variants that tests run.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec, ScalarsOf, TensorsOf, VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import type { PackedMatrix } from '../../../src/gpu/packed-matrix.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import type { HostTensor } from '../../../src/kernels/kernel-case.ts';
import { GuardedTensor } from './guarded-tensor.ts';

/**
 * Runs a kernel on tensors that end in guard words.
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
 * Runs a kernel on tensors that end in guard words.
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
  using owned = new DisposableStack();
  const anyKernel: Kernel = kernel;
  const given: Readonly<Record<string, HostTensor>> = operands;
  const tensors: Record<string, Tensor | PackedMatrix> = {};
  const written: Record<string, GuardedTensor> = {};
  for (const [name, { access }] of Object.entries(anyKernel.spec.bindings)) {
    const guarded = owned.use(new GuardedTensor(device, name, given[name]!));
    tensors[name] = guarded.bound;
    if (access === 'read_write') written[name] = guarded;
  }
  await anyKernel.run(device, tensors, scalars, choice);
  const words: Record<string, Uint32Array> = {};
  for (const [name, guarded] of Object.entries(written)) words[name] = await guarded.readWords();
  return words;
}
