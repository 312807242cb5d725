// Rows of a matrix as a file has them quantized: codes with a scale for every 32 of a row, which the GPU stores as they are.
import { RangeValueError } from '../../util/errors.ts';

/** Numbers of a row that share a scale. */
const ROW_GROUP = 32;

/** Rows of a matrix [out, in] whose `in` is a multiple of 32. */
export type QuantizedRows =
  | {
      /** value · scale */
      readonly dtype: 'q8_32';
      /** A byte for each number, row by row. */
      readonly values: Int8Array;
      /** A scale for every 32 numbers, of at most 17 significant bits: value · scale is exact in f32. */
      readonly scales: Float32Array;
    }
  | {
      /** value · scale − minimum, in one rounding */
      readonly dtype: 'q4';
      /** A value from 0 to 15 for each number, row by row. */
      readonly values: Uint8Array;
      /** A scale for every 32 numbers, of at most 20 significant bits: value · scale is exact in f32. */
      readonly scales: Float32Array;
      /** A minimum for every 32 numbers. */
      readonly minimums: Float32Array;
    };

/** Bits at the end of a scale's f32 that are zero: those that its product with a value needs. */
const FREE_BITS = { q8_32: 7, q4: 4 } as const;
/** Largest value of four bits. */
const MAX_NIBBLE = 15;

/** @throws RangeValueError unless there is what numRows rows of `rowLength` numbers need, and products of values are exact. */
export function checkQuantizedRows(rows: QuantizedRows, numRows: number, rowLength: number): void {
  if (rowLength % ROW_GROUP !== 0) {
    throw new RangeValueError('length of quantized rows', rowLength, `a multiple of ${ROW_GROUP}`);
  }
  const [numbers, groups] = [numRows * rowLength, (numRows * rowLength) / ROW_GROUP];
  const lengths = { values: numbers, scales: groups, ...(rows.dtype === 'q4' && { minimums: groups }) };
  for (const [name, expected] of Object.entries(lengths)) {
    const { length } =
      name === 'values' ? rows.values : name === 'scales' || rows.dtype !== 'q4' ? rows.scales : rows.minimums;
    if (length !== expected)
      throw new RangeValueError(`number of ${name}`, length, `${expected} for ${numRows} rows of ${rowLength}`);
  }
  const mask = 2 ** FREE_BITS[rows.dtype] - 1;
  const bits = new Uint32Array(rows.scales.buffer, rows.scales.byteOffset, groups);
  const beyond = bits.findIndex((word, i) => (word & mask) !== 0 && Number.isFinite(rows.scales[i]));
  if (beyond >= 0) {
    throw new RangeValueError(
      `scale ${beyond}`,
      rows.scales[beyond],
      `at most ${24 - FREE_BITS[rows.dtype]} significant bits`,
    );
  }
  if (rows.dtype === 'q8_32') return;
  const wide = rows.values.findIndex((value) => value > MAX_NIBBLE);
  if (wide >= 0) throw new RangeValueError(`value ${wide}`, rows.values[wide], `at most ${MAX_NIBBLE}`);
}
