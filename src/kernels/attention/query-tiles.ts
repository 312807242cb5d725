// Query tiles of attention: consecutive tokens of one sequence, cut by the host. A tile has a row for each token and query head of
// a head of keys, and one or several workgroups take them: the host knows nothing of the rows of a workgroup.

/** Most tokens of a prompt in a query tile. */
export const PREFILL_TILE_TOKENS = 8;

/**
 * Cuts the tokens of a step into query tiles [Q, 2] of (first token, number of tokens), as `attention` takes them.
 *
 * @param numQueries tokens of each sequence in this step; those of a sequence lie side by side.
 * @param tokens most tokens of a tile.
 */
export function queryTiles(numQueries: Iterable<number>, tokens: number): number[] {
  const tiles: number[] = [];
  let token = 0;
  for (const queries of numQueries) {
    for (let row = 0; row < queries; row += tokens) tiles.push(token + row, Math.min(tokens, queries - row));
    token += queries;
  }
  return tiles;
}
