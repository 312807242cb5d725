// Checks of layer norm: against float64, and of the order of its sums.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectedLayernorm, NORM_LANES as WIDTH } from '../../../src/kernels/layernorm/expected.ts';
import { layernorm } from '../../../src/kernels/layernorm/layernorm.ts';
import { layernormNaive } from '../../../src/kernels/layernorm/layernorm-naive.ts';
import { type LayernormInputs, layernormInputs, layernormOperands } from '../../../src/kernels/layernorm/operands.ts';
import { normals, permutation } from '../../../src/util/random-values.ts';
import { expectRows, expectWithin } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';
import { NORM_ORDERS, sumInOrder } from './sum-order.ts';

const EPSILON = 1e-5;
const U = 2 ** -24;

/** Words of out[M, C]. */
export function runLayernorm(
  device: Device,
  inputs: LayernormInputs,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<Uint32Array> {
  const { tensors, scalars } = layernormOperands(inputs);
  return runKernel(device, kernel, tensors, scalars);
}

/** Expects of rows of C the values of float64. */
export async function checkLayernorm(
  device: Device,
  C: number,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<void> {
  const inputs = layernormInputs(C, C);
  expectRows(await runLayernorm(device, inputs, kernel), expectedLayernorm(inputs), inputs.x.length / C);
}

/** Expects the same of the plain kernel, whose sums are chains of C additions. */
export async function checkLayernormNaive(
  device: Device,
  C: number,
  kernel: Kernel<typeof layernormNaive.spec> = layernormNaive,
): Promise<void> {
  const inputs = layernormInputs(C, C);
  const { tensors, scalars } = layernormOperands(inputs);
  expectRows(await runKernel(device, kernel, tensors, scalars), expectedLayernorm(inputs, C), inputs.x.length / C);
}

/** Rows whose large numbers cancel, so that a sum is its rounding errors and another order gives another one. */
function cancellingRows(M: number, C: number): Float32Array {
  return Float32Array.from(
    Array.from({ length: M }, (_, m) => {
      const half = normals(5 + m, C / 2, 2 ** 20);
      const row = Array.from(permutation(60 + m, C), (c) => (c < C / 2 ? half[c]! : 0.25 - half[c - C / 2]!));
      return row.with(7, 0);
    }).flat(),
  );
}

/**
 * Expects the mean of a sum in the order that the device's class promises. Several rows, for one of them may come out alike in
 * two orders; gamma makes the difference large.
 */
export async function checkLayernormOrder(
  device: Device,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<void> {
  const { C, levels } = NORM_ORDERS[device.traits.reduction];
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
  const got = floatsOf(await runLayernorm(device, { x, gamma, beta, eps: EPSILON }, kernel));
  // The mean is given, but for a division by a power of two; the rest errs as in `layernormBound`.
  const relative = ((C / WIDTH + WIDTH + 4) / 2 + 20) * U;
  expectWithin(
    got,
    want,
    want.map((value) => relative * Math.abs(value)),
    'order of the sum',
  );
}
