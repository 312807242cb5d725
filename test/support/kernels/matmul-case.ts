import type { Kernel } from '../../../src/gpu/kernel.ts';
import { type HostTensor, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import type { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { type WeightDType, weightConditions } from '../../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../../src/util/random-values.ts';
import { packed } from './guarded-tensor.ts';
import { storedWeight } from './stored-weight.ts';

export interface MatmulShape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** Inputs of a matmul, row-major, the weights rounded to their storage type. */
export interface MatmulInputs extends MatmulShape {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly bias: Float32Array;
  readonly dtype: WeightDType;
}

/**
 * Normal numbers, with sums of variance 1 to 2, but for outliers: the second row of x and the second column of w hold one
 * that is 1000 times as large, the third row of x is constant.
 */
export function matmulInputs(seed: number, { M, K, N }: MatmulShape, dtype: WeightDType): MatmulInputs {
  const x = normals(seed, M * K);
  const w = normals(seed + 1, K * N, 1 / Math.sqrt(K));
  const middle = K >> 1;
  if (M > 1) x[K + middle]! *= 1000;
  if (M > 2) x.fill(0.3, 2 * K, 3 * K);
  if (N > 1) w[middle * N + 1]! *= 1000;
  return {
    M,
    K,
    N,
    dtype,
    x,
    w: storedWeight(dtype, w, { rows: K, columns: N, along: 'columns' }),
    bias: normals(seed + 2, N),
  };
}

/** Rows [start, end) of x alone. */
export function someRows(inputs: MatmulInputs, start: number, end: number): MatmulInputs {
  return { ...inputs, M: end - start, x: inputs.x.slice(start * inputs.K, end * inputs.K) };
}

export function matmulOperands({ M, K, N, x, w, bias, dtype }: MatmulInputs, out: HostTensor = unwritten(M, N)) {
  return {
    x: hostTensor(x, M, K),
    w: packed({ K, N, dtype }, w, 'kn'),
    bias: hostTensor(bias, N),
    out,
  };
}

/** Conditions of a matmul on weights of a type, with those that are named besides. */
export function matmulConditions(dtype: WeightDType, ...names: readonly string[]) {
  return { ...weightConditions(dtype), ...Object.fromEntries(names.map((name) => [name, true])) };
}

/** A kernel that stands in for `matmul`. */
export type MatmulKernel = Kernel<typeof matmul.spec>;
