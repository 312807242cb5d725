// Runs of kernels on operands that live for one run; weights, which runs of a case share, live for the case.
import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import type { PackedMatrix } from '../gpu/packed-matrix.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { Launch } from '../kernels/examination.ts';
import type { HostTensor } from '../kernels/kernel-case.ts';
import { upload } from '../kernels/upload.ts';

/** Makes a launch on a device that throws KernelError, GpuError or DeviceLostError. @param owned closes the weights. */
export function launcher(device: Device, owned: DisposableStack): Launch {
  const weights = new Map<HostTensor, Tensor | PackedMatrix>();
  const kept = (name: string, host: HostTensor) => {
    const weight = weights.get(host) ?? upload(device, owned, name, host);
    weights.set(host, weight);
    return weight;
  };
  return async (kernel, operands, output, choice) => {
    using ofRun = new DisposableStack();
    const tensors: Record<string, Tensor | PackedMatrix> = {};
    for (const [name, host] of Object.entries(operands.tensors)) {
      tensors[name] = host.weight ? kept(name, host) : upload(device, ofRun, name, host);
    }
    await kernel.run(device, tensors, operands.scalars, choice);
    const result = tensors[output];
    if (!(result instanceof Tensor)) throw new KernelError(kernel.name, `has no tensor ${output}`);
    const { buffer, byteOffset, length } = await result.read();
    return new Uint32Array(buffer, byteOffset, length);
  };
}
