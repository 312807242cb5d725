// Values that a storage type keeps of a matrix, by the definition of the type and without the packing code; of q4, whose fit is no
// definition, by the code that weight-tiles.test.ts holds to its promises.
import { storedValues, type WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';

/** A matrix, row-major, and the direction in which neighbours share a scale: down its columns or along its rows. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
  readonly along: 'columns' | 'rows';
}

/** Neighbours that share a scale of bytes. */
const GROUPS = { q8: 64, q8_32: 32 } as const;

/** Scale of a group: max |w| / 127, rounded up to 16 significant bits. */
function scaleOf(largest: number): number {
  if (largest === 0) return 0;
  const step = 2 ** (Math.floor(Math.log2(largest / 127)) - 15);
  return Math.ceil(largest / 127 / step) * step;
}

/**
 * Computes what a storage type keeps of a matrix, by its definition: q8 is round(w / s) s with the scale s of the
 * group.
 */
export function storedWeight(dtype: WeightDType, matrix: Float32Array, shape: MatrixShape): Float32Array {
  if (dtype === 'f32') return matrix;
  if (dtype === 'f16') return Float32Array.from(Float16Array.from(matrix));
  const { rows, columns, along } = shape;
  if (dtype === 'q4') {
    return along === 'rows'
      ? storedValues(columns, rows, dtype, matrix, 'nk')
      : storedValues(rows, columns, dtype, matrix, 'kn');
  }
  const group = GROUPS[dtype];
  const groupOf = (i: number): number => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return along === 'rows' ? row * columns + Math.floor(column / group) : Math.floor(row / group) * columns + column;
  };
  const largest = new Float32Array(rows * columns);
  matrix.forEach((value, i) => {
    largest[groupOf(i)] = Math.max(largest[groupOf(i)]!, Math.abs(value));
  });
  return matrix.map((value, i) => {
    const scale = scaleOf(largest[groupOf(i)]!);
    // A byte has no −0.
    return scale === 0 ? 0 : Math.round(value / scale) * scale + 0;
  });
}
