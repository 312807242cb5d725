// Operands of a case on a device: the step from a kernel's folder to a dispatch.
import type { Device } from '../gpu/device.ts';
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import type { PackedMatrix } from '../gpu/packed-matrix.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { HostTensor, KernelOperands } from './kernel-case.ts';
import { PackedWeight } from './weights/packed-weight.ts';

/**
 * Puts a host tensor on a device; `owned` closes it.
 *
 * @throws DeviceLostError.
 */
export function upload(
  device: Device,
  owned: DisposableStack,
  label: string,
  { data, shape, weight }: HostTensor,
): Tensor | PackedMatrix {
  const tensor = owned.use(Tensor.from(device, label, data, shape));
  return weight ? PackedWeight.over(tensor, [weight.K, weight.N], weight.dtype) : tensor;
}

/** Operands of a dispatch on a device. */
export interface UploadedOperands {
  readonly tensors: Readonly<Record<string, Tensor | PackedMatrix>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Tensors that the kernel writes. */
  readonly outputs: readonly Tensor[];
}

/**
 * Puts the operands of a dispatch on a device; `owned` closes them.
 *
 * @throws DeviceLostError.
 */
export function uploadOperands<S extends KernelSpec>(
  device: Device,
  owned: DisposableStack,
  operands: KernelOperands<S>,
): UploadedOperands {
  const given: Readonly<Record<string, HostTensor>> = operands.tensors;
  const tensors: Record<string, Tensor | PackedMatrix> = {};
  for (const [name, host] of Object.entries(given)) tensors[name] = upload(device, owned, name, host);
  const outputs = operands.outputs.map((name) => tensors[name]).filter((output) => output instanceof Tensor);
  return { tensors, scalars: operands.scalars, outputs };
}
