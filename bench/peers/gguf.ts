// Container format of llama.cpp's models: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { roundUp } from '../../src/util/math.ts';
import { GGML_TYPE_ID, type GgmlType, ggmlBytes } from './ggml-type.ts';

/** Value of the metadata. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly text: string }
  | { readonly i32s: readonly number[] }
  | { readonly texts: readonly string[] };

/** Tensor of the file; rows come first in `shape`, which is the reverse of ggml's `ne`. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: GgmlType;
}

const VERSION = 3;
/** Alignment of tensors in bytes: the default of `general.alignment`. */
const ALIGNMENT = 32;
/** Ids of the kinds of values. */
const [U32, I32, F32, TEXT, ARRAY] = [4, 5, 6, 8, 9] as const;

/** Encodes all before the data of the first tensor. Each tensor's data follows, padded with `ggufPadding`. */
export function ggufHeader(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]): Uint8Array {
  const parts = [Buffer.from('GGUF'), u32(VERSION), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) parts.push(text(key), ...encodeValue(value));
  let offset = 0;
  for (const { name, shape, type } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.toReversed().map(u64), u32(GGML_TYPE_ID[type]), u64(offset));
    offset += roundUp(tensorBytes(shape, type), ALIGNMENT);
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, ggufPadding(header.length)]);
}

/** Makes the zeros that pad data of `length` bytes. */
export function ggufPadding(length: number): Uint8Array {
  return new Uint8Array(roundUp(length, ALIGNMENT) - length);
}

function tensorBytes(shape: readonly number[], type: GgmlType): number {
  const [rowLength = 1, ...others] = shape.toReversed();
  return others.reduce((product, size) => product * size, ggmlBytes(type, rowLength));
}

function encodeValue(value: GgufValue): Buffer[] {
  if ('u32' in value) return [u32(U32), u32(value.u32)];
  if ('f32' in value) return [u32(F32), f32(value.f32)];
  if ('text' in value) return [u32(TEXT), text(value.text)];
  if ('i32s' in value)
    return [u32(ARRAY), u32(I32), u64(value.i32s.length), Buffer.from(Int32Array.from(value.i32s).buffer)];
  return [u32(ARRAY), u32(TEXT), u64(value.texts.length), ...value.texts.map(text)];
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
