// Verification of the matmuls: rows and weights on which every rounding shows in the last bits.
import { normals, uniforms } from '../../util/random-values.ts';
import { type HostTensor, hostTensor } from '../kernel-case.ts';
import type { KernelVerification } from '../kernel-verification.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { repeatedTile } from '../weights/operands.ts';
import { TILE, type WeightDType, weightDType } from '../weights/weight-tiles.ts';
import { columnsOfOut, type matmul, type matmulKVWrite } from './matmul.ts';
import type { normMatmul, normMatmulKVWrite, rmsnormMatmul } from './norm-matmul.ts';
import {
  type MatmulShape,
  normInputs,
  normMatmulOperands,
  normProjectionOperands,
  rmsnormMatmulOperands,
  timedMatmulOperands,
  timedProjectionOperands,
} from './operands.ts';
import {
  matmulKVWriteTuning,
  matmulTuning,
  normMatmulKVWriteTuning,
  normMatmulTuning,
  rmsnormMatmulTuning,
  type SizedDispatch,
} from './tuning.ts';

/** Rows: one tile of 64 and a part of one, whatever number of rows a workgroup of a variant computes. */
const M = 67;
/** Columns of a wider weight, whose last tile stays as full as it is. */
const COLUMNS = 512;

/** Factors of the rows of x, in turn: products and sums that are ordinary, large, and subnormal in part or throughout. */
const SCALES: readonly number[] = [1, 2 ** 12, 2 ** -126, 2 ** -140];

function scaleOf(row: number): number {
  return SCALES[row % SCALES.length]!;
}

/**
 * Makes x[M, K] and w[K, N] whose products cancel in pairs: two neighbouring k have the same weight, and numbers of opposite
 * sign that differ by one part in 64. What is left of a sum is small beside its terms, so roundings are large in it.
 */
function cancelling(K: number, N: number, dtype: WeightDType): { readonly x: HostTensor; readonly w: HostTensor } {
  const x = uniforms(1, M * K);
  for (let m = 0; m < M; m++) {
    const scale = scaleOf(m);
    for (let k = 0; k < K; k++) {
      const i = m * K + k;
      x[i] = k % 2 === 1 ? -x[i - 1]! * (1 + 1 / 64) : x[i]! * scale;
    }
  }
  const tile = uniforms(3, K * TILE);
  for (let k = 1; k < K; k += 2) tile.copyWithin(k * TILE, (k - 1) * TILE, k * TILE);
  return { x: hostTensor(x, M, K), w: repeatedTile({ K, N, dtype }, tile) };
}

/** Returns the columns that are verified of N. */
function columnsOf(N: number): number {
  return N <= COLUMNS ? N : COLUMNS + (N % TILE);
}

/**
 * Operands of M rows of a shape, but for what a kernel needs besides. Every second column has no bias, and rows of subnormal
 * numbers have as small ones in the output, or nothing would be seen of them.
 */
function strained({ K, N }: Omit<MatmulShape, 'M'>, conditions: Readonly<Record<string, boolean>>) {
  const O = columnsOfOut(N, conditions);
  const bias = normals(2, N).map((value, n) => (n % 2 === 0 ? value : 0));
  const before = normals(4, M * O).map((value, i) => value * Math.min(1, scaleOf(Math.floor(i / O))));
  return { ...cancelling(K, N, weightDType(conditions)), bias: hostTensor(bias, N), out: hostTensor(before, M, O) };
}

/** Makes operands of a matmul whose output holds numbers before, to which RESIDUAL adds. */
function strainedMatmul({ dims, variant: { conditions } }: SizedDispatch<'K' | 'N'>) {
  const shape = { M, K: dims.K, N: columnsOf(dims.N) };
  const operands = timedMatmulOperands(shape, weightDType(conditions));
  return { ...operands, tensors: { ...operands.tensors, ...strained(shape, conditions) } };
}

function strainedProjection({ dims, variant: { conditions } }: SizedDispatch<'K' | 'N' | 'G' | 'D' | 'P'>) {
  const { K, N, G, D, P } = dims;
  const dtype = weightDType(conditions);
  const operands = timedProjectionOperands({ M, K, N }, dtype, { G, D, P, dtype: kvDType(conditions) });
  return { ...operands, tensors: { ...operands.tensors, ...strained({ K, N }, conditions) } };
}

/** Verification of `matmul`. */
export const matmulVerification: KernelVerification<typeof matmul.spec, 'K' | 'N'> = {
  tuning: matmulTuning,
  sizes: ['K', 'N'],
  operands: strainedMatmul,
};

/** Verification of `matmulKVWrite`. */
export const matmulKVWriteVerification: KernelVerification<typeof matmulKVWrite.spec, 'K' | 'N'> = {
  tuning: matmulKVWriteTuning,
  sizes: ['K', 'N'],
  operands: strainedProjection,
};

/** Verification of `normMatmul`. */
export const normMatmulVerification: KernelVerification<typeof normMatmul.spec, 'K' | 'N'> = {
  tuning: normMatmulTuning,
  sizes: ['K', 'N'],
  operands: (dispatch) => normMatmulOperands(strainedMatmul(dispatch), normInputs(5, dispatch.dims.K)),
};

/** Verification of `rmsnormMatmul`. */
export const rmsnormMatmulVerification: KernelVerification<typeof rmsnormMatmul.spec, 'K' | 'N'> = {
  tuning: rmsnormMatmulTuning,
  sizes: ['K', 'N'],
  operands: (dispatch) => rmsnormMatmulOperands(strainedMatmul(dispatch), normInputs(5, dispatch.dims.K)),
};

/** Verification of `normMatmulKVWrite`. */
export const normMatmulKVWriteVerification: KernelVerification<typeof normMatmulKVWrite.spec, 'K' | 'N'> = {
  tuning: normMatmulKVWriteTuning,
  sizes: ['K', 'N'],
  operands: (dispatch) => normProjectionOperands(strainedProjection(dispatch), normInputs(5, dispatch.dims.K)),
};
