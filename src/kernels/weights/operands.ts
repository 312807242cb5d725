// Weights on the host as tensors of a case.
import { numElements } from '../../util/math.ts';
import type { HostTensor } from '../kernel-case.ts';
import { packTiles, TILE, tiledShape, type WeightOrder } from './weight-tiles.ts';

/** Packs a matrix of K · N numbers into the tiles of a weight. */
export function packedTensor(
  weight: NonNullable<HostTensor['weight']>,
  matrix: Float32Array,
  order: WeightOrder,
): HostTensor {
  const { K, N, dtype } = weight;
  return { data: packTiles(K, N, dtype, matrix, order), shape: tiledShape(K, N, dtype), weight };
}

/** Makes a weight of one tile of columns, again and again: quick however wide it is. @param tile K · TILE numbers. */
export function repeatedTile(weight: NonNullable<HostTensor['weight']>, tile: Float32Array): HostTensor {
  const { K, N, dtype } = weight;
  const words = packTiles(K, TILE, dtype, tile, 'kn');
  const shape = tiledShape(K, N, dtype);
  const data = new Uint32Array(numElements(shape));
  for (let start = 0; start < data.length; start += words.length) data.set(words, start);
  return { data, shape, weight };
}
