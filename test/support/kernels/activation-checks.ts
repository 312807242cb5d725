import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import * as reference from '../../../src/reference/operators.ts';
import { expectWithin } from './expect-within.ts';
import { type MatmulInputs, type MatmulKernel, matmulConditions, matmulInputs, matmulOperands } from './matmul-case.ts';
import { type Expected, expectedSums } from './matmul-checks.ts';
import { runKernel } from './run-kernel.ts';

const U = 2 ** -24;

export interface Activation {
  readonly condition: string;
  readonly fixture: string;
  readonly apply: (x: Float64Array) => Float64Array;
  /** The argument of the exp inside. */
  readonly exponent: (x: number) => number;
  /** What PyTorch makes of −∞. */
  readonly ofMinusInfinity: number;
}

export const ACTIVATIONS: readonly Activation[] = [
  {
    condition: 'GELU_NEW',
    fixture: 'gelu_new',
    apply: reference.geluNew,
    exponent: (x) => 2 * Math.sqrt(2 / Math.PI) * Math.abs(x + 0.044715 * x ** 3),
    ofMinusInfinity: Number.NaN,
  },
  {
    condition: 'GELU',
    fixture: 'gelu',
    apply: reference.gelu,
    exponent: (x) => (x * x) / 2 + 2,
    ofMinusInfinity: Number.NaN,
  },
  { condition: 'RELU', fixture: 'relu', apply: reference.relu, exponent: () => 0, ofMinusInfinity: 0 },
];

/** Largest |exponent| that the shader does not clamp away: exp(-87) is the smallest normal f32. */
const MAX_EXPONENT = 88;

/**
 * Relative error of an activation itself: WGSL's exp errs by 3 + 2 |e| units in the last place (of 2 u), its argument by
 * about six roundings, division by 2.5 units, and the rational erfc of GELU by 1.2e-7. Where exp(-|e|) leaves the range of
 * f32 the result is 0, and x exp(-87) with |x| < 14 is below 3e-37.
 */
function activationTolerance({ apply, exponent }: Activation, { sums, tolerance }: Expected): Float64Array {
  // No activation is steeper than 1.13.
  return apply(sums).map((out, i) => {
    const relative = (16 + 10 * Math.min(exponent(sums[i]!), MAX_EXPONENT)) * U + 1.2e-7;
    return 1.13 * tolerance[i]! + relative * Math.abs(out) + 3e-37;
  });
}

/** Expects the activation of sum and bias. */
export async function checkActivation(
  device: Device,
  activation: Activation,
  dtype: WeightDType,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const inputs = matmulInputs(7, { M: 9, K: 60, N: 331 }, dtype);
  const expected = expectedSums(inputs);
  const choice = { conditions: matmulConditions(dtype, activation.condition) };
  const got = floatsOf(await runKernel(device, kernel, matmulOperands(inputs), {}, choice));
  expectWithin(got, activation.apply(expected.sums), activationTolerance(activation, expected), activation.condition);
}

/** Expects the activation of each of x; returns what came and how far it may be from any other account of it. */
export async function checkActivationValues(
  device: Device,
  activation: Activation,
  x: Float32Array,
  kernel: MatmulKernel = matmul,
): Promise<{ got: Float32Array; tolerance: Float64Array }> {
  const w = Float32Array.of(1);
  const inputs: MatmulInputs = { M: x.length, K: 1, N: 1, x, w, bias: new Float32Array(1), dtype: 'f32' };
  const choice = { conditions: matmulConditions('f32', activation.condition) };
  const got = floatsOf(await runKernel(device, kernel, matmulOperands(inputs), {}, choice));
  // The sums are exact: x · 1 + 0.
  const exact = { sums: Float64Array.from(x), tolerance: new Float64Array(x.length) };
  const tolerance = activationTolerance(activation, exact);
  expectWithin(got, activation.apply(exact.sums), tolerance, activation.condition);
  return { got, tolerance };
}

/** Expects of what is not finite what PyTorch makes of it: NaN stays NaN, of either sign, and numbers do not come of it. */
export async function checkBrokenValues(
  device: Device,
  { condition, ofMinusInfinity }: Activation,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const { POSITIVE_INFINITY: inf, NEGATIVE_INFINITY, NaN: nan } = Number;
  const [negativeNaN, signalling] = new Float32Array(Uint32Array.of(0xffc00000, 0x7f800001).buffer);
  const x = Float32Array.of(nan, negativeNaN!, signalling!, inf, NEGATIVE_INFINITY, 3e38, -3e38);
  const inputs: MatmulInputs = {
    M: x.length,
    K: 1,
    N: 1,
    x,
    w: Float32Array.of(1),
    bias: new Float32Array(1),
    dtype: 'f32',
  };
  const choice = { conditions: matmulConditions('f32', condition) };
  const got = floatsOf(await runKernel(device, kernel, matmulOperands(inputs), {}, choice));
  // −0 and 0 are alike.
  const values = Array.from(got, (value) => value + 0);
  expect(values, `${condition} of what is not finite`).toEqual([nan, nan, nan, inf, ofMinusInfinity, x[5], 0]);
}
