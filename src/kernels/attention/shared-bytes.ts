// Workgroup memory of attention: what rows, lanes and heads of a variant take of it.
import type { Sizes } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { type KVDType, kvRowWords } from '../kv-write/kv-write.ts';

/** Constants that decide it. */
type SharingSizes = Sizes<'D' | 'ROWS' | 'LANES' | 'KEYS'>;

/** Bytes of the quads of the queries. */
function queryBytes({ D, ROWS }: SharingSizes, dtype: KVDType): number {
  return ROWS * kvRowWords(D, dtype) * (dtype === 'f16' ? 2 : 1) * 4;
}

/** Counts the bytes where lanes hand over scores and weights: queries, where the keys of a tile lie, scores and weights. */
export function handedBytes(sizes: SharingSizes, dtype: KVDType): number {
  const { ROWS, KEYS } = sizes;
  return queryBytes(sizes, dtype) + 4 * KEYS + 2 * 4 * ROWS * KEYS;
}

/**
 * Counts the bytes where tiles lie side by side: queries, where the keys lie, weights, maxima of the parts of tiles and of tiles,
 * and the sums that all tiles but the first hand over; see shaders/attention_abreast.wgsl.
 */
export function abreastBytes(sizes: SharingSizes, dtype: KVDType): number {
  const { D, ROWS, LANES, KEYS } = sizes;
  const tiles = LANES / KEYS;
  const parts = Math.min(KEYS / ROWS, 8);
  const vectors = kvRowWords(D, dtype) / 4;
  const vectorLanes = Math.min(KEYS, 2 ** Math.ceil(Math.log2(vectors)));
  const laneRows = Math.max((ROWS * vectorLanes) / KEYS, 1);
  const quads = ceilDiv(vectors, vectorLanes) * (dtype === 'f16' ? 2 : 1);
  const handed = Math.max(LANES - KEYS, 1);
  const words = LANES + LANES * ROWS + ROWS * tiles * parts + tiles * ROWS + laneRows * handed * (1 + 4 * quads);
  return queryBytes(sizes, dtype) + 4 * words;
}
