// Least squares with non-negative unknowns, for the few unknowns of a cost model.
/** Most sweeps over the unknowns; a cost model converges within hundreds. */
const MAX_SWEEPS = 20_000;
/** Largest change of a sweep at convergence, relative to the largest unknown. */
const TOLERANCE = 1e-12;

/**
 * Finds the x ≥ 0 with the least Σ (a·x − b)², by coordinate descent on the normal equations (Franc, Hlaváč and Navara,
 * "Sequential Coordinate-Wise Algorithm for the Non-negative Least Squares Problem", CAIP 2005).
 *
 * @param rows vectors a, each of the length of x; the unknown of a column of zeros is 0.
 * @param targets b of each row.
 */
export function solveNonNegative(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const size = rows[0]?.length ?? 0;
  const each = <Value>(make: (index: number) => Value) => Array.from({ length: size }, (_, index) => make(index));
  const dot = (f: (row: readonly number[], index: number) => number) =>
    rows.reduce((sum, row, i) => sum + f(row, i), 0);
  // Columns of length 1, so that one tolerance fits all.
  const norms = each((i) => Math.sqrt(dot((row) => row[i]! ** 2)));
  const gram = each((i) => each((j) => dot((row) => row[i]! * row[j]!) / (norms[i]! * norms[j]! || 1)));
  const right = each((i) => dot((row, index) => row[i]! * targets[index]!) / (norms[i]! || 1));
  const x = each(() => 0);
  for (let sweep = 0, change = 1; sweep < MAX_SWEEPS && change > TOLERANCE * Math.max(...x); sweep++) {
    change = 0;
    for (let i = 0; i < size; i++) {
      if (norms[i] === 0) continue;
      const gradient = gram[i]!.reduce((sum, value, j) => sum + value * x[j]!, 0) - right[i]!;
      const next = Math.max(0, x[i]! - gradient);
      change = Math.max(change, Math.abs(next - x[i]!));
      x[i] = next;
    }
  }
  return x.map((value, i) => value / (norms[i]! || 1));
}
