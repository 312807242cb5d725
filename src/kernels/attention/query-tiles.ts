// Query tiles of attention: consecutive tokens of one sequence that share the loads of its keys and values.

/** Most tokens of a prompt that share a query tile. */
export const PREFILL_TILE_ROWS = 8;

/**
 * Cuts the tokens of a step into query tiles [Q, 2] of (first token, number of tokens), as `attention` takes them.
 *
 * @param numQueries tokens of each sequence in this step; those of a sequence lie side by side.
 * @param rows most tokens of a tile.
 */
export function queryTiles(numQueries: Iterable<number>, rows: number): number[] {
  const tiles: number[] = [];
  let token = 0;
  for (const queries of numQueries) {
    for (let row = 0; row < queries; row += rows) tiles.push(token + row, Math.min(rows, queries - row));
    token += queries;
  }
  return tiles;
}
