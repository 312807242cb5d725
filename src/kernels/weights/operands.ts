// Weights on the host as tensors of a case.
import type { HostTensor } from '../kernel-case.ts';
import { packTiles, tiledShape, type WeightOrder } from './weight-tiles.ts';

/** Packs a matrix of K · N numbers into the tiles of a weight. */
export function packedTensor(
  weight: NonNullable<HostTensor['weight']>,
  matrix: Float32Array,
  order: WeightOrder,
): HostTensor {
  const { K, N, dtype } = weight;
  return { data: packTiles(K, N, dtype, matrix, order), shape: tiledShape(K, N, dtype), weight };
}
