// Rows of a step in chunks: the LM head takes a few at a time, each from an offset that may be bound.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { ceilDiv } from '../util/math.ts';

/** Rows of logits that are held at a time; a multiple of 64 keeps every chunk of rows at an aligned offset. */
export const CHUNK_ROWS = 64;

/** Rows [first, first + count) of a step, or of a tensor. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/** Cuts rows into chunks of CHUNK_ROWS, the last one perhaps smaller. */
export function chunksOf({ first, count }: RowRange): RowRange[] {
  return Array.from({ length: ceilDiv(count, CHUNK_ROWS) }, (_, chunk) => {
    const start = chunk * CHUNK_ROWS;
    return { first: first + start, count: Math.min(CHUNK_ROWS, count - start) };
  });
}

/** Returns some rows of a tensor, of which the first is a multiple of CHUNK_ROWS. */
export function rowsOf(device: Device, tensor: Tensor, { first, count }: RowRange): Tensor {
  const shape = [count, ...tensor.shape.slice(1)];
  const rowBytes = (4 * tensor.length) / (tensor.shape[0] ?? 1);
  const { buffer, offset } = tensor.range;
  const range = { buffer, offset: offset + first * rowBytes, size: count * rowBytes };
  return Tensor.overRange(device, tensor.label, tensor.dtype, shape, range);
}
