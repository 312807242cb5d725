// Bits of floats on the GPU, for comparisons that take no difference for none.
import type { Tensor } from '../../../src/gpu/tensor.ts';

/** Reads the words of an f32 tensor. */
export async function bitsIn(tensor: Tensor): Promise<Uint32Array> {
  const { buffer, byteOffset, length } = await tensor.readF32();
  return new Uint32Array(buffer, byteOffset, length);
}
