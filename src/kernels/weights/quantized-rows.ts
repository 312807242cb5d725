// Rows of a matrix as a file has them quantized: codes with a scale for every 32 of a row, which the GPU stores as they are.
import { RangeValueError } from '../../util/errors.ts';
import { type RowStore, spreadRows } from '../../util/spread-rows.ts';

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

/**
 * Joins the rows of matrices of one storage type to those of one matrix.
 *
 * @param rowLength numbers of a row where the rows of the matrices, all of one shape, alternate; null where one matrix follows
 * the other.
 * @throws RangeValueError for matrices of several storage types, and for none.
 */
export function joinQuantizedRows(parts: readonly QuantizedRows[], rowLength: number | null): QuantizedRows {
  const groups = rowLength === null ? null : rowLength / ROW_GROUP;
  const joinTo = <T extends RowStore>(
    make: (length: number) => T,
    of: readonly RowStore[],
    length: number | null,
  ): T => {
    const out = make(of.reduce((sum, { length }) => sum + length, 0));
    let start = 0;
    for (const [index, rows] of of.entries()) {
      if (length === null) out.set(rows.subarray(0, rows.length), start);
      else spreadRows(rows, out, { length, first: index, step: of.length });
      start += rows.length;
    }
    return out;
  };
  const floats = (length: number) => new Float32Array(length);
  const bytes = parts.filter((part) => part.dtype === 'q8_32');
  const nibbles = parts.filter((part) => part.dtype === 'q4');
  const scales = joinTo(
    floats,
    parts.map((part) => part.scales),
    groups,
  );
  if (parts.length > 0 && bytes.length === parts.length) {
    const values = joinTo(
      (length) => new Int8Array(length),
      bytes.map((part) => part.values),
      rowLength,
    );
    return { dtype: 'q8_32', values, scales };
  }
  if (parts.length > 0 && nibbles.length === parts.length) {
    const values = joinTo(
      (length) => new Uint8Array(length),
      nibbles.map((part) => part.values),
      rowLength,
    );
    return {
      dtype: 'q4',
      values,
      scales,
      minimums: joinTo(
        floats,
        nibbles.map((part) => part.minimums),
        groups,
      ),
    };
  }
  throw new RangeValueError(
    'storage of quantized matrices',
    parts.map(({ dtype }) => dtype).join(', '),
    'one type for all',
  );
}
