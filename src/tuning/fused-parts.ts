// Run of the kernels that a fused kernel stands for: the bits that it must give.
import type { Device } from '../gpu/device.ts';
import type { Variant } from '../gpu/kernel-spec.ts';
import { Tensor } from '../gpu/tensor.ts';
import { BETWEEN, type KernelFusion } from '../kernels/kernel-fusion.ts';
import type { UploadedOperands } from '../kernels/upload.ts';
import { type OutputBits, readOutputs } from './output-bits.ts';
import { pick } from './tunables.ts';

/**
 * Runs the parts of a fusion once, one after the other.
 *
 * @param variants of the parts, in their order.
 * @throws GpuError or DeviceLostError when the device fails.
 */
export async function bitsOfParts(
  device: Device,
  { parts, like }: KernelFusion,
  { tensors, scalars, outputs }: UploadedOperands,
  variants: readonly Variant[],
): Promise<OutputBits> {
  using between = Tensor.create(device, BETWEEN, 'f32', tensors[like]!.shape);
  const given: UploadedOperands['tensors'] = { ...tensors, [BETWEEN]: between };
  for (const [index, part] of parts.entries()) {
    const operands = Object.fromEntries(Object.entries(part.tensors).map(([binding, name]) => [binding, given[name]!]));
    await part.kernel.run(device, operands, pick(scalars, part.scalars), variants[index]);
  }
  return await readOutputs(outputs);
}
