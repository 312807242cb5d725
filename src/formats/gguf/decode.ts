// Numbers of tensors in GGUF files, in f32: of quantized ones each is integer · scale − minimum, rounded once.
import { decodeFloats } from '../dtypes.ts';
import { blockGroups } from './blocks.ts';
import { isQuantized, type TensorType } from './tensor-types.ts';

/** Decodes whole blocks to `out`: a number for each of theirs. */
export function decodeBlocks(type: TensorType, bytes: ArrayBuffer, out: Float32Array): void {
  if (!isQuantized(type)) {
    decodeFloats(type.name, bytes, out);
    return;
  }
  const { blockLength, blockBytes, groupLength, unpack } = type;
  const data = new DataView(bytes);
  const block = blockGroups(blockLength, groupLength);
  const { integers, scales, minimums } = block;
  for (let at = 0, start = 0; at < data.byteLength; at += blockBytes, start += blockLength) {
    unpack(data, at, block);
    for (let i = 0; i < blockLength; i++) {
      const group = Math.floor(i / groupLength);
      out[start + i] = integers[i]! * scales[group]! - minimums[group]!;
    }
  }
}
