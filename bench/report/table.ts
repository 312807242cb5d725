// Rows of the tables that benchmarks print: cells padded to the widths of their columns.

/** Width of each column in characters; a negative one aligns to the right, and a missing one pads nothing. */
export type Widths = readonly number[];

/** Pads the cells of a row and joins them by a space; a line ends without one. */
export function formatRow(cells: readonly string[], widths: Widths): string {
  const padded = cells.map((cell, i) => {
    const width = widths[i] ?? 0;
    return width < 0 ? cell.padStart(-width) : cell.padEnd(width);
  });
  return padded.join(' ').trimEnd();
}
