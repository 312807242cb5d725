// Contract of a source of weights: rows of named tensors in f32, from files or drawn at random. Loading knows no other.
import type { QuantizedRows } from '../kernels/weights/quantized-rows.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';

/** Source of a model's weights, under the canonical names of its architecture's table. */
export interface WeightSource extends AsyncDisposable {
  /** True where the output head is the embedding, false where it is a tensor of its own. */
  readonly tiedHead: boolean;

  /** Returns the storage type of a matrix on the GPU where no other is asked for. @throws RangeValueError as `shape`. */
  dtypeOf(name: string): WeightDType;

  /** Returns the shape of a tensor. @throws RangeValueError when there is none of this name. */
  shape(name: string): readonly number[];

  /**
   * Writes rows `[startRow, startRow + numRows)` of the tensor to `out` [numRows · row length]. A row is one step along
   * the first dimension: a single element of a vector.
   *
   * @throws RangeValueError when the rows are not in the tensor or `out` has another length.
   */
  readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void>;

  /**
   * Returns rows as the source has them quantized, with no rounding: of a matrix whose `dtypeOf` is q8_32 or q4. A source
   * without it, or that gives null, has its rows rounded to those types.
   *
   * @throws RangeValueError when the rows are not in the tensor.
   */
  readQuantized?(name: string, startRow: number, numRows: number): Promise<QuantizedRows | null>;

  /** Idempotent. */
  close(): Promise<void>;
}

/** Returns the number of elements of one row. */
export function rowLength(shape: readonly number[]): number {
  return numElements(shape.slice(1));
}

/** Checks the arguments of `readRows`. @throws RangeValueError as `readRows`. */
export function checkRows(shape: readonly number[], startRow: number, numRows: number, out: Float32Array): void {
  checkRowRange(shape, startRow, numRows);
  const length = numRows * rowLength(shape);
  if (out.length !== length) {
    throw new RangeValueError('out.length', out.length, `${length} for ${numRows} rows of [${shape.join(', ')}]`);
  }
}

/** Checks that a tensor has rows. @throws RangeValueError unless it does. */
export function checkRowRange(shape: readonly number[], startRow: number, numRows: number): void {
  const [rows = 1] = shape;
  checkInteger('startRow', startRow, rows);
  checkInteger('numRows', numRows, rows - startRow);
}

function checkInteger(parameter: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeValueError(parameter, value, `an integer in [0, ${max}]`);
  }
}
