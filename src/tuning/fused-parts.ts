// Run of the kernels that a fused kernel stands for, in their base variants: the bits that it must give.
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
 * @param variant of the fused kernel, whose storage and epilogue the parts have.
 * @throws GpuError or DeviceLostError when the device fails.
 */
export async function bitsOfParts(
  device: Device,
  { parts, like }: KernelFusion,
  { tensors, scalars, outputs }: UploadedOperands,
  variant: Variant,
): Promise<OutputBits> {
  using between = Tensor.create(device, BETWEEN, 'f32', tensors[like]!.shape);
  const given: UploadedOperands['tensors'] = { ...tensors, [BETWEEN]: between };
  for (const part of parts) {
    const operands = Object.fromEntries(Object.entries(part.tensors).map(([binding, name]) => [binding, given[name]!]));
    const base = part.kernel.base(device.traits, part.choice(variant));
    await part.kernel.run(device, operands, pick(scalars, part.scalars), base);
  }
  return await readOutputs(outputs);
}
