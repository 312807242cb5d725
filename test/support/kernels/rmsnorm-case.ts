// RMS norm as the checks of norms take it, and rows that show the order of its sum.
import type { ReductionClass } from '../../../src/gpu/reduction.ts';
import { rmsnormMatmul } from '../../../src/kernels/matmul/norm-matmul.ts';
import { rmsnormMatmulOperands } from '../../../src/kernels/matmul/operands.ts';
import { expectedRmsnorm } from '../../../src/kernels/rmsnorm/expected.ts';
import { rmsnormOperands } from '../../../src/kernels/rmsnorm/operands.ts';
import { rmsnorm } from '../../../src/kernels/rmsnorm/rmsnorm.ts';
import { rmsnormNaive } from '../../../src/kernels/rmsnorm/rmsnorm-naive.ts';
import { uniforms } from '../../../src/util/random-values.ts';
import type { Norm, OrderCase } from './norm-checks.ts';
import { NORM_ORDERS, sumInOrder } from './sum-order.ts';

/** Units in the last place of a mean square that are left of it where epsilon takes the rest away. */
const UNITS_LEFT = 16;

/**
 * Makes a row whose mean square a negative epsilon all but takes away. Squares are positive and nothing cancels, so that another
 * order is off by few units in the last place; each is large in the few that are left.
 */
function orderCase(reduction: ReductionClass, seed: number): OrderCase {
  const { C, levels } = NORM_ORDERS[reduction];
  // Whole numbers, whose squares are exact, and the sums of four of them are not.
  const x = uniforms(seed, C, 4095).map(Math.round);
  const squares = x.map((value) => value * value);
  const mean = sumInOrder(squares, levels) / C;
  const left = UNITS_LEFT * 2 ** (Math.floor(Math.log2(mean)) - 23);
  const want = Float64Array.from(x, (value) => value / Math.sqrt(left));
  return {
    rows: { x, gamma: new Float32Array(C).fill(1), beta: new Float32Array(C), eps: left - mean },
    want,
    // Of a mean that is given, divided by a power of two, remains what `expectedRmsnorm` has after it.
    tolerance: want.map((value) => 14 * 2 ** -24 * Math.abs(value)),
  };
}

/** RMS norm; the plain kernel's sum is a chain of C additions, and twice as many roundings without fma. */
export const RMSNORM: Norm = {
  kernel: rmsnorm,
  naive: rmsnormNaive,
  inMatmul: rmsnormMatmul,
  operands: rmsnormOperands,
  inMatmulOperands: rmsnormMatmulOperands,
  expected: expectedRmsnorm,
  naiveRoundings: (C) => 2 * C,
  orderCases: (reduction) => [1, 2, 3, 4].map((seed) => orderCase(reduction, seed)),
};
