// Operands of the matmul kernels on the host. To be checked: numbers with sums of variance 1 to 2, outliers among them. To be
// timed: a weight that repeats one tile, for a wide one is quickly made so.
import { ceilDiv } from '../../util/math.ts';
import { normals, uniforms } from '../../util/random-values.ts';
import { type HostTensor, hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import { emptyCache } from '../kv-write/operands.ts';
import type { CacheShape } from '../kv-write/paged-cache.ts';
import { packedTensor, repeatedTile } from '../weights/operands.ts';
import { TILE, type WeightDType, weightConditions } from '../weights/weight-tiles.ts';
import type { ActivationName } from './activation.ts';
import { columnsOfOut, type matmul, type matmulKVWrite } from './matmul.ts';
import type { matmulNaive } from './matmul-naive.ts';
import type { normMatmul, normMatmulKVWrite, rmsnormMatmul } from './norm-matmul.ts';
import type { siluMulNaive } from './silu-mul-naive.ts';

/** Sizes of x[M, K] · w[K, N]. */
export interface MatmulShape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** Inputs of a matmul, row-major. */
export interface MatmulInputs extends MatmulShape {
  readonly x: Float32Array;
  /** [K, N], before it is rounded to its storage type. */
  readonly w: Float32Array;
  readonly bias: Float32Array;
  readonly dtype: WeightDType;
  readonly activation?: ActivationName | undefined;
  /** Columns of the output, and the first of those that are written; by default all are written. */
  readonly columns?: { readonly O: number; readonly first: number };
  /** Numbers [M, O] that the output holds and RESIDUAL adds to. */
  readonly residual?: Float32Array | undefined;
}

/**
 * Makes inputs with outliers: the second row of x and the second column of w hold one that is 1000 times as large, the third
 * row of x is constant.
 */
export function matmulInputs(seed: number, { M, K, N }: MatmulShape, dtype: WeightDType): MatmulInputs {
  const x = normals(seed, M * K);
  const w = uniforms(seed + 1, K * N, Math.sqrt(3 / K));
  const middle = K >> 1;
  if (M > 1) x[K + middle]! *= 1000;
  if (M > 2) x.fill(0.3, 2 * K, 3 * K);
  if (N > 1) w[middle * N + 1]! *= 1000;
  return { M, K, N, dtype, x, w, bias: normals(seed + 2, N) };
}

/** Returns the columns of the output, and the first and the number of those that are written. */
export function writtenColumns({ N, activation, columns }: MatmulInputs): {
  readonly O: number;
  readonly first: number;
  readonly count: number;
} {
  const count = columnsOfOut(N, { SILU_MUL: activation === 'SILU_MUL' });
  return { ...(columns ?? { O: count, first: 0 }), count };
}

/** Takes rows [start, end) of x alone. */
export function someRows<I extends MatmulInputs>(inputs: I, start: number, end: number): I {
  const { K, residual } = inputs;
  const { O } = writtenColumns(inputs);
  const x = inputs.x.slice(start * K, end * K);
  return { ...inputs, M: end - start, x, ...(residual && { residual: residual.slice(start * O, end * O) }) };
}

/** Weight of the inputs, in tiles. */
export function packedWeight({ K, N, dtype, w }: MatmulInputs): HostTensor {
  return packedTensor({ K, N, dtype }, w, 'kn');
}

/** Operands of `matmul`. @param w the packed weight, which dispatches over some of the rows share. */
export function matmulOperands(
  inputs: MatmulInputs,
  w: HostTensor = packedWeight(inputs),
): KernelOperands<typeof matmul.spec> {
  const { M, K, N, x, bias, residual } = inputs;
  const { O, first } = writtenColumns(inputs);
  const out = residual ? hostTensor(residual, M, O) : unwritten(M, O);
  return {
    tensors: { x: hostTensor(x, M, K), w, bias: hostTensor(bias, N), out },
    scalars: { first },
    outputs: ['out'],
  };
}

/** Conditions under which `matmul` reads these inputs, and what it does to its sums. */
export function matmulConditions({ dtype, activation, residual }: MatmulInputs): Readonly<Record<string, boolean>> {
  return {
    ...weightConditions(dtype),
    ...(activation && { [activation]: true }),
    ...(residual && { RESIDUAL: true }),
  };
}

/** Operands of `silu_mul_naive`: gates and what they scale, x[M, N]. */
export function siluMulNaiveOperands(
  x: Float32Array,
  { M, N }: Pick<MatmulShape, 'M' | 'N'>,
): KernelOperands<typeof siluMulNaive.spec> {
  return { tensors: { x: hostTensor(x, M, N), out: unwritten(M, N / 2) }, scalars: {}, outputs: ['out'] };
}

/** Operands of `matmul_naive`, whose weight is a matrix of f32. */
export function matmulNaiveOperands({ M, K, N, x, w, bias }: MatmulInputs): KernelOperands<typeof matmulNaive.spec> {
  return {
    tensors: { x: hostTensor(x, M, K), w: hostTensor(w, K, N), bias: hostTensor(bias, N), out: unwritten(M, N) },
    scalars: {},
    outputs: ['out'],
  };
}

/** Inputs of a projection of M tokens to q, and to k and v of the heads of a cache: the last 2 · G · D of N columns. */
export interface ProjectionInputs extends MatmulInputs {
  readonly cache: CacheShape;
  /** [M]; a negative slot is padding. */
  readonly slots: Int32Array;
}

/** Operands of `matmul_kv_write`. */
export function projectionOperands(inputs: ProjectionInputs): KernelOperands<typeof matmulKVWrite.spec> {
  const { cache, slots } = inputs;
  const { tensors, scalars } = matmulOperands(inputs);
  return {
    tensors: { ...tensors, slot_mapping: hostTensor(slots, slots.length), kv: emptyCache(cache).operand },
    scalars: { ...scalars, D: cache.D },
    outputs: ['out', 'kv'],
  };
}

/** Norm of the rows of x: gamma[K], beta[K]. */
export interface NormInputs {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly eps: number;
}

/** Makes a norm of rows of K. */
export function normInputs(seed: number, K: number, eps = 1e-5): NormInputs {
  return { gamma: normals(seed, K), beta: normals(seed + 1, K), eps };
}

/** Operands of `norm_matmul`: those of a matmul, and a norm. */
export function normMatmulOperands(
  { tensors, scalars, outputs }: KernelOperands<typeof matmul.spec>,
  norm: NormInputs,
): KernelOperands<typeof normMatmul.spec> {
  return { tensors: { ...tensors, ...normTensors(norm) }, scalars: { ...scalars, eps: norm.eps }, outputs };
}

/** Operands of `rmsnorm_matmul`: those of a matmul, and a norm without its beta. */
export function rmsnormMatmulOperands(
  { tensors, scalars, outputs }: KernelOperands<typeof matmul.spec>,
  norm: Omit<NormInputs, 'beta'>,
): KernelOperands<typeof rmsnormMatmul.spec> {
  const gamma = hostTensor(norm.gamma, norm.gamma.length);
  return { tensors: { ...tensors, gamma }, scalars: { ...scalars, eps: norm.eps }, outputs };
}

/** Operands of `norm_matmul_kv_write`: those of a projection, and a norm. */
export function normProjectionOperands(
  { tensors, scalars, outputs }: KernelOperands<typeof matmulKVWrite.spec>,
  norm: NormInputs,
): KernelOperands<typeof normMatmulKVWrite.spec> {
  return { tensors: { ...tensors, ...normTensors(norm) }, scalars: { ...scalars, eps: norm.eps }, outputs };
}

function normTensors({ gamma, beta }: NormInputs) {
  return { gamma: hostTensor(gamma, gamma.length), beta: hostTensor(beta, beta.length) };
}

/** Makes operands of `matmul` whose results are compared and timed, but not known. */
export function timedMatmulOperands({ M, K, N }: MatmulShape, dtype: WeightDType): KernelOperands<typeof matmul.spec> {
  return {
    tensors: {
      x: hostTensor(uniforms(1, M * K), M, K),
      w: repeatedTile({ K, N, dtype }, uniforms(3, K * TILE)),
      bias: hostTensor(uniforms(2, N), N),
      out: unwritten(M, N),
    },
    scalars: {},
    outputs: ['out'],
  };
}

/** Makes operands of `matmul_kv_write` as `timedMatmulOperands`: M tokens for the first slots of a cache, in falling order. */
export function timedProjectionOperands(
  shape: MatmulShape,
  dtype: WeightDType,
  heads: Omit<CacheShape, 'numBlocks'>,
): KernelOperands<typeof matmulKVWrite.spec> {
  const { M } = shape;
  const { tensors, scalars } = timedMatmulOperands(shape, dtype);
  const slots = Int32Array.from({ length: M }, (_, m) => M - 1 - m);
  const cache = emptyCache({ ...heads, numBlocks: ceilDiv(M, heads.P) });
  return {
    tensors: { ...tensors, slot_mapping: hostTensor(slots, M), kv: cache.operand },
    scalars: { ...scalars, D: heads.D },
    outputs: ['out', 'kv'],
  };
}
