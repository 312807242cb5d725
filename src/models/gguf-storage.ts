// Storage on the GPU of tensors from GGUF files, which keeps the numbers of all of them exactly: in a quantized storage where it holds
// the groups of a type as they are, else in f32.
import { blockGroups } from '../formats/gguf/blocks.ts';
import { isQuantized, type TensorType } from '../formats/gguf/tensor-types.ts';
import type { QuantizedRows } from '../kernels/weights/quantized-rows.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';

/** Storage of each type; f32 of those that are not here. */
const STORAGE: ReadonlyMap<string, WeightDType> = new Map([
  ['F16', 'f16'],
  ['Q4_0', 'q4'],
  ['Q4_1', 'q4'],
  ['Q4_K', 'q4'],
  ['Q5_0', 'q8_32'],
  ['Q8_0', 'q8_32'],
]);

/** Returns the storage of tensors of a type. */
export function storageOfType({ name }: TensorType): WeightDType {
  return STORAGE.get(name) ?? 'f32';
}

/** Tells whether a quantized type is stored as f32: exact, but several times as large as in the file. */
export function isWidened(type: TensorType): boolean {
  return isQuantized(type) && storageOfType(type) === 'f32';
}

/** Takes whole blocks as their storage holds them. @throws RangeValueError for a type without a quantized storage. */
export function quantizedRows(type: TensorType, bytes: ArrayBuffer): QuantizedRows {
  const dtype = storageOfType(type);
  if (!isQuantized(type) || !(dtype === 'q8_32' || dtype === 'q4')) {
    throw new RangeValueError('type of quantized rows', type.name, 'one with a quantized storage');
  }
  const { blockLength, blockBytes, groupLength, unpack } = type;
  const numBlocks = bytes.byteLength / blockBytes;
  const numGroups = (numBlocks * blockLength) / groupLength;
  const values = new Int8Array(numBlocks * blockLength);
  const [scales, minimums] = [new Float32Array(numGroups), new Float32Array(numGroups)];
  const data = new DataView(bytes);
  const block = blockGroups(blockLength, groupLength);
  for (let i = 0; i < numBlocks; i++) {
    unpack(data, i * blockBytes, block);
    values.set(block.integers, i * blockLength);
    scales.set(block.scales, (i * blockLength) / groupLength);
    minimums.set(block.minimums, (i * blockLength) / groupLength);
  }
  return dtype === 'q8_32'
    ? { dtype, values, scales }
    : { dtype, values: new Uint8Array(values.buffer), scales, minimums };
}
