// Query tiles of attention: consecutive tokens of one sequence that share the loads of its keys and values. Query heads that
// share a head of keys are rows of a tile in the class `gpu`, and have workgroups of their own in the other.
import type { Sizes } from '../../gpu/kernel-spec.ts';

/** Most tokens of a prompt that share a query tile. */
export const PREFILL_TILE_ROWS = 8;

/** Counts the query heads among the rows of a workgroup. */
export function rowHeads({ SHARE, GROUP_KEYS }: Sizes<'SHARE' | 'GROUP_KEYS'>): number {
  return GROUP_KEYS > 0 ? SHARE : 1;
}

/** Counts the tokens of a full query tile. */
export function tileTokens({ ROWS, ...sizes }: Sizes<'ROWS' | 'SHARE' | 'GROUP_KEYS'>): number {
  return ROWS / rowHeads(sizes);
}

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
