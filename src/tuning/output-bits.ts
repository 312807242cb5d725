// Outputs of variants bit by bit: the one comparison of tuner and verifier.
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { UploadedOperands } from '../kernels/upload.ts';

/** Words of each output. */
export type OutputBits = readonly Uint32Array[];

/** Reads what the outputs hold. */
export function readOutputs(outputs: readonly Tensor[]): Promise<OutputBits> {
  return Promise.all(outputs.map(async (output) => new Uint32Array((await output.read()).buffer)));
}

/**
 * Runs a variant once.
 *
 * @param before words of each output before the run.
 * @throws GpuError or DeviceLostError when the device fails.
 */
export async function outputBits(
  device: Device,
  kernel: Kernel,
  { tensors, scalars, outputs }: UploadedOperands,
  variant: VariantChoice,
  before: OutputBits,
): Promise<OutputBits> {
  for (const [o, output] of outputs.entries()) output.view([before[o]!.length], 'u32').write(before[o]!);
  await kernel.run(device, tensors, scalars, variant);
  return await readOutputs(outputs);
}

/** Tells whether two runs have left the same words. */
export function sameBits(a: OutputBits, b: OutputBits): boolean {
  return a.length === b.length && a.every((words, o) => words.every((word, i) => word === b[o]?.[i]));
}
