// One run of a kernel on operands that live for it.
import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { PackedMatrix } from '../gpu/packed-matrix.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { HostTensor } from '../kernels/kernel-case.ts';
import { upload } from '../kernels/upload.ts';

/** A kernel and its operands. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** Tensors and packed matrices stay with the caller, host tensors are uploaded for the run. */
  readonly tensors: Readonly<Record<string, Tensor | PackedMatrix | HostTensor>>;
  readonly scalars?: Readonly<Record<string, number>>;
  readonly choice?: VariantChoice;
  /** Name of the tensor whose words are the result. */
  readonly output: string;
}

/** Runs a kernel once. @returns the words of its output. @throws KernelError or GpuError; DeviceLostError. */
export async function runOnce(device: Device, call: KernelCall): Promise<Uint32Array> {
  const { kernel, scalars = {}, choice, output } = call;
  using owned = new DisposableStack();
  const tensors: Record<string, Tensor | PackedMatrix> = {};
  for (const [name, given] of Object.entries(call.tensors)) {
    const isKept = given instanceof Tensor || given instanceof PackedMatrix;
    tensors[name] = isKept ? given : upload(device, owned, name, given);
  }
  await kernel.run(device, tensors, scalars, choice);
  const result = tensors[output];
  if (!(result instanceof Tensor)) throw new KernelError(kernel.name, `has no tensor ${output}`);
  const { buffer, byteOffset, length } = await result.read();
  return new Uint32Array(buffer, byteOffset, length);
}
