import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { PackedMatrix } from '../gpu/packed-matrix.ts';
import { Tensor, type TensorData } from '../gpu/tensor.ts';

/** Contents and shape of a tensor that lives for one run. */
export interface Operand {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

/** What a kernel is run on. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** Tensors and packed matrices stay with the caller, operands are made anew for the run. */
  readonly tensors: Readonly<Record<string, Tensor | PackedMatrix | Operand>>;
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
    tensors[name] = isKept ? given : owned.use(upload(device, name, given));
  }
  await kernel.run(device, tensors, scalars, choice);
  const result = tensors[output];
  if (!(result instanceof Tensor)) throw new KernelError(kernel.name, `has no tensor ${output}`);
  const { buffer, byteOffset, length } = await result.read();
  return new Uint32Array(buffer, byteOffset, length);
}

/** A tensor of an operand; the caller closes it. */
function upload(device: Device, label: string, { data, shape }: Operand): Tensor {
  return Tensor.from(device, label, data, shape);
}

/** An output before a run: an element that a kernel leaves out stays NaN. */
export function unwritten(...shape: readonly number[]): Operand {
  return { data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(Number.NaN), shape };
}

/** The words of f32 numbers. */
export function toFloats(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length);
}
