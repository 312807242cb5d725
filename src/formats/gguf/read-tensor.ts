// The numbers of a tensor in a GGUF file that is open: a configuration may need those of one.
import { decodeBlocks } from './decode.ts';
import type { StoredGGUFTensor } from './gguf-files.ts';

/** Reads all numbers of a tensor. */
export async function readTensor(tensor: StoredGGUFTensor): Promise<Float32Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.file.read(tensor, 0, bytes);
  const { blockBytes, blockLength } = tensor.type;
  const numbers = new Float32Array((bytes.length / blockBytes) * blockLength);
  decodeBlocks(tensor.type, bytes.buffer, numbers);
  return numbers;
}
