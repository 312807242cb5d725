// Rows of a matrix that alternate with those of others.

/** Numbers of a matrix, row-major, in a typed array of any type. */
export interface RowStore {
  readonly length: number;
  subarray(start: number, end: number): ArrayLike<number>;
  set(source: ArrayLike<number>, at: number): void;
}

/** Copies row r of a matrix to row first + r · step of another. @param length numbers of a row. */
export function spreadRows(
  source: RowStore,
  out: RowStore,
  { length, first, step }: { readonly length: number; readonly first: number; readonly step: number },
): void {
  for (let row = 0; row < source.length / length; row++) {
    out.set(source.subarray(row * length, (row + 1) * length), (first + row * step) * length);
  }
}
