// A vocabulary's matrix as the adapter can bind it: in as few ranges of whole column tiles as its largest binding allows.
import { TILE, tileRows, type WeightDType } from './weight-tiles.ts';

/** Tokens [first, first + size) of a vocabulary. */
export interface TokenRange {
  readonly first: number;
  readonly size: number;
}

/** Cuts a vocabulary of V tokens, C numbers each, into ranges that one binding each holds. */
export function vocabularyRanges(V: number, C: number, dtype: WeightDType, maxBindingBytes: number): TokenRange[] {
  const tileBytes = 4 * tileRows(C, dtype) * TILE;
  const most = TILE * Math.max(Math.floor(maxBindingBytes / tileBytes), 1);
  const ranges: TokenRange[] = [];
  for (let first = 0; first < V; first += most) ranges.push({ first, size: Math.min(most, V - first) });
  return ranges;
}
