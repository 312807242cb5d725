// Operands of `layernorm` on the host, and rows that strain its sums.
import { normals } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import type { layernorm } from './layernorm.ts';

/** Rows x[M, C], gamma[C], beta[C] and epsilon of one dispatch. */
export interface LayernormInputs {
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly eps: number;
}

/** Rows that strain the sums, after an ordinary one: each makes one of a normal row. */
const ROWS: Readonly<Record<string, (row: Float32Array) => Float32Array>> = {
  ordinary: (row) => row,
  outlier: (row) => row.map((x, c) => (c === row.length >> 1 ? 1000 * x : x)),
  constant: (row) => row.fill(3.7),
  zero: (row) => row.fill(0),
  'far from zero': (row) => row.map((x) => x + 1000),
  'smaller than epsilon': (row) => row.map((x) => 1e-4 * x),
};

/** Names of the rows that `layernormInputs` makes. */
export const LAYERNORM_ROWS: readonly string[] = Object.keys(ROWS);

/** Makes one row of C for each of LAYERNORM_ROWS. */
export function layernormInputs(seed: number, C: number, eps = 1e-5): LayernormInputs {
  const x = Float32Array.from(Object.values(ROWS).flatMap((change, n) => [...change(normals(seed + n, C))]));
  return { x, gamma: normals(seed + 50, C), beta: normals(seed + 51, C), eps };
}

/** Operands of one dispatch. */
export function layernormOperands({ x, gamma, beta, eps }: LayernormInputs): KernelOperands<typeof layernorm.spec> {
  const C = gamma.length;
  const M = x.length / C;
  return {
    tensors: {
      x: hostTensor(x, M, C),
      gamma: hostTensor(gamma, C),
      beta: hostTensor(beta, C),
      out: unwritten(M, C),
    },
    scalars: { eps },
    outputs: ['out'],
  };
}
