// Checks of the matmul's activations, on sums and on given values.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import {
  ACTIVATION_NAMES,
  ACTIVATIONS as ACTIVATIONS_IN_FLOAT64,
  type ActivationName,
  activationBound,
} from '../../../src/kernels/matmul/activation.ts';
import { expectedMatmul } from '../../../src/kernels/matmul/expected.ts';
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { type MatmulInputs, matmulInputs } from '../../../src/kernels/matmul/operands.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { type MatmulKernel, runMatmul } from './matmul-checks.ts';

/** Activation, and facts about it from PyTorch. */
export interface Activation {
  readonly condition: ActivationName;
  /** PyTorch's value at −∞. */
  readonly ofMinusInfinity: number;
}

export const ACTIVATIONS: readonly Activation[] = ACTIVATION_NAMES.map((condition) => ({
  condition,
  ofMinusInfinity: condition === 'RELU' ? 0 : Number.NaN,
}));

/** Expects the activation of sum and bias. */
export async function checkActivation(
  device: Device,
  activation: Activation,
  dtype: WeightDType,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const inputs = { ...matmulInputs(7, { M: 9, K: 60, N: 330 }, dtype), activation: activation.condition };
  const { want, tolerance } = expectedMatmul(inputs);
  assertPasses(
    compareWithin(floatsOf(await runMatmul(device, inputs, {}, kernel)), want, tolerance!, {
      label: activation.condition,
    }),
  );
}

/** Makes inputs whose sums are x, 0 · 0 + x; for gates each is followed by a 1. */
function plainInputs({ condition }: Activation, x: Float32Array): MatmulInputs {
  const bias = condition === 'SILU_MUL' ? Float32Array.from([...x].flatMap((gate) => [gate, 1])) : x;
  const N = bias.length;
  const w = new Float32Array(N);
  return { M: 1, K: 1, N, x: Float32Array.of(0), w, bias, dtype: 'f32', activation: condition };
}

/** Expects the activation of each of x; returns the outputs and the distance that another account of them may have. */
export async function checkActivationValues(
  device: Device,
  activation: Activation,
  x: Float32Array,
  kernel: MatmulKernel = matmul,
): Promise<{ got: Float32Array; tolerance: Float64Array }> {
  const { condition } = activation;
  const got = floatsOf(await runMatmul(device, plainInputs(activation, x), {}, kernel));
  // The sums are exact.
  const want = ACTIVATIONS_IN_FLOAT64[condition].apply(Float64Array.from(x));
  const tolerance = want.map((value, i) => activationBound(condition, x[i]!, 0, value));
  assertPasses(compareWithin(got, want, tolerance, { label: condition }));
  return { got, tolerance };
}

/**
 * Expects PyTorch's results for values that are not finite: NaN stays NaN, of either sign, and no number comes of it.
 */
export async function checkBrokenValues(
  device: Device,
  activation: Activation,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const { POSITIVE_INFINITY: inf, NEGATIVE_INFINITY, NaN: nan } = Number;
  const [negativeNaN, signalling] = new Float32Array(Uint32Array.of(0xffc00000, 0x7f800001).buffer);
  const x = Float32Array.of(nan, negativeNaN!, signalling!, inf, NEGATIVE_INFINITY, 3e38, -3e38);
  const got = floatsOf(await runMatmul(device, plainInputs(activation, x), {}, kernel));
  // −0 and 0 are alike.
  const values = Array.from(got, (value) => value + 0);
  const { condition, ofMinusInfinity } = activation;
  expect(values, `${condition} of what is not finite`).toEqual([nan, nan, nan, inf, ofMinusInfinity, x[5], 0]);
}
