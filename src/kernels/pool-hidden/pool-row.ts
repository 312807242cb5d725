// Packing of a row: the one place that knows the words of shaders/pool_hidden.wgsl's `rows`.

/** Tokens [first, end) that are added to the sum of a slot, which starts with them or goes on. */
export interface PoolRow {
  readonly first: number;
  readonly end: number;
  readonly slot: number;
  readonly isContinued: boolean;
}

/** Packs a row: POOL_ROW_WORDS words. */
export function poolRowWords({ first, end, slot, isContinued }: PoolRow): number[] {
  return [first, end, slot, isContinued ? 1 : 0];
}
