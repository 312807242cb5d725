import { TILE, tileRows } from '../kernels/weights/weight-tiles.ts';
import type { Subject } from './subject.ts';

/** The last of the ranges in which the model binds its vocabulary: as many rows each as the adapter's largest binding holds. */
export function lastRange({ device, config, dtype }: Subject): { readonly first: number; readonly size: number } {
  const { vocabSize: V, hiddenSize: C } = config;
  const tileBytes = 4 * tileRows(C, dtype) * TILE;
  const rows = TILE * Math.max(Math.floor(device.gpu.limits.maxStorageBufferBindingSize / tileBytes), 1);
  const first = Math.floor((V - 1) / rows) * rows;
  return { first, size: V - first };
}
