// Operands of `gather_rows` on the host: rows in no order, the first, the last and one of them twice.
import { normals } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import type { gatherRows } from './gather-rows.ts';

/** Rows x[T, C], and those that are copied. */
export interface GatherInputs {
  readonly x: Float32Array;
  readonly C: number;
  readonly rows: readonly number[];
}

/** Makes nine rows of C, of which five are copied. */
export function gatherInputs(seed: number, C: number): GatherInputs {
  return { x: normals(seed, 9 * C), C, rows: [4, 0, 8, 4, 1] };
}

/** Operands of one dispatch. */
export function gatherOperands({ x, C, rows }: GatherInputs): KernelOperands<typeof gatherRows.spec> {
  return {
    tensors: {
      x: hostTensor(x, x.length / C, C),
      rows: hostTensor(Int32Array.from(rows), rows.length),
      out: unwritten(rows.length, C),
    },
    scalars: {},
    outputs: ['out'],
  };
}
