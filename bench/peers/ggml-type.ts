// Storage of a tensor in a GGUF file: the three types that correspond to weights of roseinfer.
import { RangeValueError } from '../../src/util/errors.ts';

/** Type of the numbers of a tensor. Q8_0 has blocks of 32 numbers of a row: a scale in f16 and 32 int8. */
export type GgmlType = 'F32' | 'F16' | 'Q8_0';

/** Numbers of a Q8_0 block. */
const BLOCK = 32;
/** Bytes of a Q8_0 block. */
const BLOCK_BYTES = 2 + BLOCK;
/** Largest int8 whose negation is an int8. */
const MAX_INT8 = 127;

/** Ids of the types in a file (enum ggml_type of ggml.h). */
export const GGML_TYPE_ID: Readonly<Record<GgmlType, number>> = { F32: 0, F16: 1, Q8_0: 8 };

/**
 * Computes the bytes of `count` numbers.
 *
 * @throws RangeValueError for Q8_0 unless they fill whole blocks.
 */
export function ggmlBytes(type: GgmlType, count: number): number {
  if (type === 'F32') return 4 * count;
  if (type === 'F16') return 2 * count;
  if (count % BLOCK !== 0) throw new RangeValueError('row length', count, `a multiple of ${BLOCK} for Q8_0`);
  return (count / BLOCK) * BLOCK_BYTES;
}

/**
 * Encodes numbers, little-endian; whole rows for Q8_0.
 *
 * @throws RangeValueError as `ggmlBytes`.
 */
export function encodeGgml(type: GgmlType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === 'F16') return new Uint8Array(new Float16Array(values).buffer);
  const bytes = new Uint8Array(ggmlBytes(type, values.length));
  const view = new DataView(bytes.buffer);
  for (let start = 0, at = 0; start < values.length; start += BLOCK, at += BLOCK_BYTES) {
    const block = values.subarray(start, start + BLOCK);
    const scale = block.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / MAX_INT8;
    view.setFloat16(at, scale, true);
    for (let i = 0; i < BLOCK; i++) view.setInt8(at + 2 + i, scale === 0 ? 0 : Math.round(block[i]! / scale));
  }
  return bytes;
}
