import { read } from '../gpu/kernel-spec.ts';
import { ceilDiv, roundUp } from '../util/math.ts';

/** Storage of a weight matrix. */
export type WeightDType = 'f32' | 'f16';

/** Columns of a weight tile: `TILE` of shaders/packed_weights.wgsl. */
export const TILE = 32;
/** K is padded to a multiple of this: `K_STEP` of shaders/packed_weights.wgsl. */
export const K_STEP = 8;

/** Rows of u32 words in a tile of a K×N weight. */
export function tileRows(K: number, dtype: WeightDType): number {
  const padded = roundUp(K, K_STEP);
  return dtype === 'f16' ? padded / 2 : padded;
}

/** Shape [tiles, rows, TILE] of a K×N weight in u32 words. */
export function tiledShape(K: number, N: number, dtype: WeightDType): readonly [number, number, number] {
  return [ceilDiv(N, TILE), tileRows(K, dtype), TILE];
}

/** Binding of a weight of N columns: its rows are checked by the kernel, for they depend on the storage type. */
export const tiledWeight = read.u32(({ N }) => ceilDiv(N ?? 0, TILE), 'KW', TILE);

/**
 * Packs columns `[0, N)` of a K×N matrix into tiles.
 *
 * @param at value of row k, column n.
 * @returns u32 words of shape `tiledShape(K, N, dtype)`: f32 bits, or f16 pairs (rows k and k + 1, k even, low half
 * first); padding is zero.
 */
export function packTiles(
  K: number,
  N: number,
  dtype: WeightDType,
  source: Float32Array,
  order: 'kn' | 'nk',
): Uint32Array {
  const [tiles, rows] = tiledShape(K, N, dtype);
  const words = new Uint32Array(tiles * rows * TILE);
  const floats = new Float32Array(words.buffer);
  const halves = new Float16Array(words.buffer);
  const [strideK, strideN] = order === 'kn' ? [N, 1] : [1, K];
  for (let n = 0; n < N; n++) {
    const tile = Math.floor(n / TILE) * rows * TILE + (n % TILE);
    for (let k = 0; k < K; k++) {
      const value = source[k * strideK + n * strideN]!;
      if (dtype === 'f32') floats[tile + k * TILE] = value;
      else halves[2 * (tile + (k >> 1) * TILE) + (k & 1)] = value;
    }
  }
  return words;
}
