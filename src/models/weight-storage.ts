// Storage of a model's matrices on the GPU: one type for all where a caller asks for it, else that of each tensor in its source.
// A matrix of several parts has one type, since one matmul reads it.
import { tiledShape, type WeightDType } from '../kernels/weights/weight-tiles.ts';
import { numElements } from '../util/math.ts';
import { type ModelDefinition, modelTensors } from './architecture.ts';
import { type FusedTensor, fuseTensors, isTiled } from './tensor-specs.ts';
import type { WeightSource } from './weight-source.ts';

/** Storage of the matrices of a model: one type for all, or that of each tensor of a source. */
export type WeightStorage = WeightDType | Pick<WeightSource, 'dtypeOf' | 'tiedHead'>;

/**
 * Returns the storage type of a matrix, embedding or head. Where those of its parts differ it is f32, which holds the numbers of
 * all of them exactly.
 */
export function storageOf({ parts }: FusedTensor, storage: WeightStorage): WeightDType {
  if (typeof storage === 'string') return storage;
  const dtypes = new Set(parts.map(({ name }) => storage.dtypeOf(name)));
  const [first = 'f32'] = dtypes;
  return dtypes.size === 1 ? first : 'f32';
}

/** Returns the shape in 32-bit words on the GPU. */
export function storedShape(tensor: FusedTensor, storage: WeightStorage): readonly number[] {
  const [K = 0, N = 0] = tensor.shape;
  return isTiled(tensor) ? tiledShape(K, N, storageOf(tensor, storage)) : tensor.shape;
}

/** Names the storage types of a model's matrices, that of most numbers first: `f16`, or `q4 + q8_32`. */
export function describeStorage(model: ModelDefinition, storage: WeightStorage): string {
  if (typeof storage === 'string') return storage;
  const counts = new Map<WeightDType, number>();
  for (const tensor of fuseTensors([...modelTensors(model, storage.tiedHead)]).filter(isTiled)) {
    const dtype = storageOf(tensor, storage);
    counts.set(dtype, (counts.get(dtype) ?? 0) + numElements(tensor.shape));
  }
  const byCount = [...counts].sort(([, a], [, b]) => b - a);
  return byCount.map(([dtype]) => dtype).join(' + ');
}
