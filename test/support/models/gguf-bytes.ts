// Small GGUF files for tests, written byte by byte so that every part can be made wrong.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../temporary-directory.ts';

/** Little-endian integers and floats, and texts with their length. */
export const u8 = (value: number): Buffer => Buffer.of(value);
export const u32 = (value: number): Buffer => pack(4, (view) => view.setUint32(0, value, true));
export const u64 = (value: number | bigint): Buffer => pack(8, (view) => view.setBigUint64(0, BigInt(value), true));
export const i64 = (value: number | bigint): Buffer => pack(8, (view) => view.setBigInt64(0, BigInt(value), true));
export const f32 = (value: number): Buffer => pack(4, (view) => view.setFloat32(0, value, true));
export const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
};

function pack(numBytes: number, write: (view: DataView) => void): Buffer {
  const bytes = Buffer.alloc(numBytes);
  write(new DataView(bytes.buffer, bytes.byteOffset, numBytes));
  return bytes;
}

/** Numbers of the types of values. */
export const TYPE = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, i64: 11 } as const;

/** Entry of the metadata: key, type and the bytes of the value. */
export function entry(key: string, type: number, value: Uint8Array): Buffer {
  return Buffer.concat([text(key), u32(type), value]);
}

/** Entry whose type follows from a value: u32 of integers, f32 of other numbers, lists of the type of their first element. */
export function keyOf(key: string, value: MetadataInput): Buffer {
  if (!Array.isArray(value)) return entry(key, typeOf(value), bytesOf(value));
  const type = typeOf(value[0] ?? 0);
  return entry(key, TYPE.array, Buffer.concat([u32(type), u64(value.length), ...value.map(bytesOf)]));
}

/** Value of a key in a test. */
export type MetadataInput = string | number | boolean | (string | number)[];

function typeOf(value: string | number | boolean): number {
  if (typeof value === 'boolean') return TYPE.bool;
  if (typeof value === 'string') return TYPE.string;
  return Number.isInteger(value) ? TYPE.u32 : TYPE.f32;
}

function bytesOf(value: string | number | boolean): Buffer {
  if (typeof value === 'boolean') return u8(Number(value));
  if (typeof value === 'string') return text(value);
  return Number.isInteger(value) ? u32(value) : f32(value);
}

/** Entry of a tensor, its sizes in the order of the file: the fastest first. */
export function tensorEntry(
  name: string,
  sizes: readonly (number | bigint)[],
  type: number,
  at: number | bigint,
): Buffer {
  return Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(at)]);
}

/** Numbers of the types of tensors. */
export const TENSOR_TYPE = { F32: 0, F16: 1, Q4_0: 2 } as const;

/** Parts of a file, with what its beginning claims where that differs from them. */
export interface GGUFParts {
  readonly magic?: string;
  readonly version?: Uint8Array;
  readonly keys?: readonly Uint8Array[];
  readonly numKeys?: number | bigint;
  readonly tensors?: readonly Uint8Array[];
  readonly numTensors?: number | bigint;
  readonly alignment?: number;
  /** Bytes of data, or how many zeros. */
  readonly data?: number | Uint8Array;
}

/** A file of these parts, its data padded to the alignment. */
export function ggufBytes({
  magic = 'GGUF',
  version = u32(3),
  keys = [],
  numKeys = keys.length,
  tensors = [],
  numTensors = tensors.length,
  alignment = 32,
  data = 0,
}: GGUFParts): Buffer {
  const header = Buffer.concat([Buffer.from(magic), version, u64(numTensors), u64(numKeys), ...keys, ...tensors]);
  const bytes = typeof data === 'number' ? Buffer.alloc(data) : data;
  const padding = bytes.length === 0 ? 0 : (alignment - (header.length % alignment)) % alignment;
  return Buffer.concat([header, Buffer.alloc(padding), bytes]);
}

/** Three tensors, an empty one among them, and their data. */
export const THREE_TENSORS = {
  tensors: [
    tensorEntry('a', [3], TENSOR_TYPE.F32, 0),
    tensorEntry('empty', [0, 7], TENSOR_TYPE.F16, 32),
    tensorEntry('b', [32, 2], TENSOR_TYPE.Q4_0, 32),
  ],
  data: Uint8Array.from({ length: 32 + 36 }, (_, i) => i),
};

/** Writes a file of these bytes to a directory of its own; returns its path. */
export function writeGGUF(bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), 'model.gguf');
  writeFileSync(path, bytes);
  return path;
}
