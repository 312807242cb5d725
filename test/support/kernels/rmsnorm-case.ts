// Checks of the RMS norm: against float64, and of the order of its sum.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectedRmsnorm } from '../../../src/kernels/rmsnorm/expected.ts';
import { type RmsnormInputs, rmsnormInputs, rmsnormOperands } from '../../../src/kernels/rmsnorm/operands.ts';
import { rmsnorm } from '../../../src/kernels/rmsnorm/rmsnorm.ts';
import { rmsnormNaive } from '../../../src/kernels/rmsnorm/rmsnorm-naive.ts';
import { uniforms } from '../../../src/util/random-values.ts';
import { expectRows, expectWithin } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';
import { NORM_ORDERS, sumInOrder } from './sum-order.ts';

/** A kernel in the place of `rmsnorm`. */
type RmsnormKernel = Kernel<typeof rmsnorm.spec>;

/** Words of out[M, C]. */
export function runRmsnorm(
  device: Device,
  inputs: RmsnormInputs,
  kernel: RmsnormKernel = rmsnorm,
): Promise<Uint32Array> {
  const { tensors, scalars } = rmsnormOperands(inputs);
  return runKernel(device, kernel, tensors, scalars);
}

/** Expects of rows of C the values of float64. */
export async function checkRmsnorm(device: Device, C: number, kernel: RmsnormKernel = rmsnorm): Promise<void> {
  const inputs = rmsnormInputs(C, C);
  expectRows(await runRmsnorm(device, inputs, kernel), expectedRmsnorm(inputs), inputs.x.length / C);
}

/** Expects the same of the plain kernel, whose sum is a chain of C additions, and twice as many roundings without fma. */
export async function checkRmsnormNaive(
  device: Device,
  C: number,
  kernel: Kernel<typeof rmsnormNaive.spec> = rmsnormNaive,
): Promise<void> {
  const inputs = rmsnormInputs(C, C);
  const { tensors, scalars } = rmsnormOperands(inputs);
  expectRows(await runKernel(device, kernel, tensors, scalars), expectedRmsnorm(inputs, 2 * C), inputs.x.length / C);
}

/** Units in the last place of a mean square that are left of it where epsilon takes the rest away. */
const UNITS_LEFT = 16;

/**
 * Expects the mean square of a sum in the order that the device's class promises. Squares are positive and nothing cancels, so that
 * another order is off by few units in the last place; a negative epsilon leaves a few of them, and each is large in what is left.
 */
export async function checkRmsnormOrder(device: Device, kernel: RmsnormKernel = rmsnorm): Promise<void> {
  const { C, levels } = NORM_ORDERS[device.traits.reduction];
  for (const seed of [1, 2, 3, 4]) {
    // Whole numbers, whose squares are exact, and the sums of four of them are not.
    const x = uniforms(seed, C, 4095).map(Math.round);
    const mean =
      sumInOrder(
        x.map((value) => value * value),
        levels,
      ) / C;
    const left = UNITS_LEFT * 2 ** (Math.floor(Math.log2(mean)) - 23);
    const inputs = { x, gamma: new Float32Array(C).fill(1), eps: left - mean };
    const want = Float64Array.from(x, (value) => value / Math.sqrt(left));
    // Of a mean that is given, divided by a power of two, remains what `expectedRmsnorm` has after it.
    const tolerance = want.map((value) => 14 * 2 ** -24 * Math.abs(value));
    expectWithin(floatsOf(await runRmsnorm(device, inputs, kernel)), want, tolerance, 'order of the sum');
  }
}
