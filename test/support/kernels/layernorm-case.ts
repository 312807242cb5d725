// Layer norm as the checks of norms take it, and rows that show the order of its sums.
import type { ReductionClass } from '../../../src/gpu/reduction.ts';
import { expectedLayernorm, NORM_LANES as WIDTH } from '../../../src/kernels/layernorm/expected.ts';
import { layernorm } from '../../../src/kernels/layernorm/layernorm.ts';
import { layernormNaive } from '../../../src/kernels/layernorm/layernorm-naive.ts';
import { layernormOperands } from '../../../src/kernels/layernorm/operands.ts';
import { normMatmul } from '../../../src/kernels/matmul/norm-matmul.ts';
import { normMatmulOperands } from '../../../src/kernels/matmul/operands.ts';
import { normals, permutation } from '../../../src/util/random-values.ts';
import type { Norm, OrderCase } from './norm-checks.ts';
import { NORM_ORDERS, sumInOrder } from './sum-order.ts';

const EPSILON = 1e-5;
const U = 2 ** -24;

/** Makes rows whose large numbers cancel, so that a sum is its rounding errors and another order gives another one. */
function cancellingRows(M: number, C: number): Float32Array {
  return Float32Array.from(
    Array.from({ length: M }, (_, m) => {
      const half = normals(5 + m, C / 2, 2 ** 20);
      const row = Array.from(permutation(60 + m, C), (c) => (c < C / 2 ? half[c]! : 0.25 - half[c - C / 2]!));
      return row.with(7, 0);
    }).flat(),
  );
}

/** Makes several rows, for one of them may come out alike in two orders; gamma makes the difference large. */
function orderCase(reduction: ReductionClass): OrderCase {
  const { C, levels } = NORM_ORDERS[reduction];
  const M = 8;
  const x = cancellingRows(M, C);
  const want = new Float64Array(M * C);
  for (let start = 0; start < M * C; start += C) {
    const row = x.subarray(start, start + C);
    const mean = sumInOrder(row, levels) / C;
    const wide = Float64Array.from(row);
    const variance = wide.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
    want.set(
      wide.map((value) => ((value - mean) / Math.sqrt(variance + EPSILON)) * 2 ** 20),
      start,
    );
  }
  const [gamma, beta] = [new Float32Array(C).fill(2 ** 20), new Float32Array(C)];
  // The mean is given, but for a division by a power of two; the rest errs as in `layernormBound`.
  const relative = ((C / WIDTH + WIDTH + 4) / 2 + 20) * U;
  return {
    rows: { x, gamma, beta, eps: EPSILON },
    want,
    tolerance: want.map((value) => relative * Math.abs(value)),
  };
}

/** Layer norm; the plain kernel's sums are chains of C additions. */
export const LAYERNORM: Norm = {
  kernel: layernorm,
  naive: layernormNaive,
  inMatmul: normMatmul,
  operands: layernormOperands,
  inMatmulOperands: normMatmulOperands,
  expected: expectedLayernorm,
  naiveRoundings: (C) => C,
  orderCases: (reduction) => [orderCase(reduction)],
};
