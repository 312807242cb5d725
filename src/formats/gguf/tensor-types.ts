// Types of tensors in GGUF files, in one table: the numbers and bytes of a block, and how a block is read. Types that are not in it
// are refused by the name that the format gives them.
import {
  type BlockGroups,
  unpackQ4_0,
  unpackQ4_1,
  unpackQ4_K,
  unpackQ5_0,
  unpackQ5_1,
  unpackQ5_K,
  unpackQ6_K,
  unpackQ8_0,
} from './blocks.ts';

/** Type of quantized tensors: groups of integers with a scale each, and with a minimum. */
export interface QuantizedType {
  readonly name: string;
  /** Numbers of a block; a row is whole blocks. */
  readonly blockLength: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** Numbers that share a scale. */
  readonly groupLength: number;
  /** Reads the block at a byte. */
  readonly unpack: (data: DataView, at: number, out: BlockGroups) => void;
}

/** Type of tensors of floats. */
export interface FloatType {
  readonly name: 'F32' | 'F16' | 'BF16';
  readonly blockLength: 1;
  readonly blockBytes: number;
}

/** Type of tensors that can be read. */
export type TensorType = FloatType | QuantizedType;

const K_BLOCK = 256;

/** Every type that can be read, by its number in the file. */
export const TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map<number, TensorType>([
  [0, { name: 'F32', blockLength: 1, blockBytes: 4 }],
  [1, { name: 'F16', blockLength: 1, blockBytes: 2 }],
  [30, { name: 'BF16', blockLength: 1, blockBytes: 2 }],
  [2, { name: 'Q4_0', blockLength: 32, blockBytes: 18, groupLength: 32, unpack: unpackQ4_0 }],
  [3, { name: 'Q4_1', blockLength: 32, blockBytes: 20, groupLength: 32, unpack: unpackQ4_1 }],
  [6, { name: 'Q5_0', blockLength: 32, blockBytes: 22, groupLength: 32, unpack: unpackQ5_0 }],
  [7, { name: 'Q5_1', blockLength: 32, blockBytes: 24, groupLength: 32, unpack: unpackQ5_1 }],
  [8, { name: 'Q8_0', blockLength: 32, blockBytes: 34, groupLength: 32, unpack: unpackQ8_0 }],
  [12, { name: 'Q4_K', blockLength: K_BLOCK, blockBytes: 144, groupLength: 32, unpack: unpackQ4_K }],
  [13, { name: 'Q5_K', blockLength: K_BLOCK, blockBytes: 176, groupLength: 32, unpack: unpackQ5_K }],
  [14, { name: 'Q6_K', blockLength: K_BLOCK, blockBytes: 210, groupLength: 16, unpack: unpackQ6_K }],
]);

/** Names of other types. */
const OTHER_NAMES: ReadonlyMap<number, string> = new Map([
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
]);

/** Names the type of a number, such as `Q2_K`, or `type 99` where the format has none. */
export function tensorTypeName(id: number): string {
  return TENSOR_TYPES.get(id)?.name ?? OTHER_NAMES.get(id) ?? `type ${id}`;
}

/** Tells whether the numbers of a type are quantized. */
export function isQuantized(type: TensorType): type is QuantizedType {
  return 'unpack' in type;
}
