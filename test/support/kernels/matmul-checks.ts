// Checks of the matmul kernels against float64 and each other.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf, unwritten } from '../../../src/kernels/kernel-case.ts';
import { expectedMatmul } from '../../../src/kernels/matmul/expected.ts';
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../../src/kernels/matmul/matmul-naive.ts';
import {
  type MatmulInputs,
  type MatmulShape,
  matmulConditions,
  matmulInputs,
  matmulNaiveOperands,
  matmulOperands,
  siluMulNaiveOperands,
} from '../../../src/kernels/matmul/operands.ts';
import { siluMulNaive } from '../../../src/kernels/matmul/silu-mul-naive.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { normals } from '../../../src/util/random-values.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** A kernel in the place of `matmul`. */
export type MatmulKernel = Kernel<typeof matmul.spec>;

/**
 * Runs a matmul in the variant for its inputs.
 *
 * @returns the words of out[M, O].
 */
export function runMatmul(
  device: Device,
  inputs: MatmulInputs,
  choice: VariantChoice = {},
  kernel: MatmulKernel = matmul,
): Promise<Uint32Array> {
  const { tensors, scalars } = matmulOperands(inputs);
  const conditions = { ...matmulConditions(inputs), ...choice.conditions };
  return runKernel(device, kernel, tensors, scalars, { ...choice, conditions });
}

/** Values that differ from the default variant. */
interface MatmulTuning {
  readonly ROWS?: number;
  readonly TILES?: number;
  readonly X_LANES?: number;
  readonly K_TILE?: number;
  readonly QUADS?: number;
  readonly LANES?: number;
  readonly SUBGROUPS?: boolean;
  readonly X_VEC4?: boolean;
}

/** Expects the sums of float64; returns the bits. */
export async function checkMatmul(
  device: Device,
  shape: MatmulShape,
  dtype: WeightDType,
  kernel: MatmulKernel = matmul,
  { SUBGROUPS, X_VEC4, LANES, ...constants }: MatmulTuning = {},
): Promise<Uint32Array> {
  const inputs = matmulInputs(shape.M + shape.N, shape, dtype);
  const choice = {
    conditions: {
      ...matmulConditions(inputs),
      ...(SUBGROUPS !== undefined && { SUBGROUPS }),
      ...(X_VEC4 !== undefined && { X_VEC4 }),
    },
    constants,
    overrides: { ...(LANES !== undefined && { LANES }) },
  };
  const words = await runMatmul(device, inputs, choice, kernel);
  const { want, tolerance } = expectedMatmul(inputs);
  assertPasses(
    compareWithin(floatsOf(words), want, tolerance!, { label: `M ${shape.M}, K ${shape.K}, N ${shape.N}, ${dtype}` }),
  );
  return words;
}

/** Columns of an output of 100 that are written, from 40 on. */
const [N, O, FIRST] = [33, 100, 40];
const columnInputs = () => matmulInputs(3, { M: 5, K: 60, N }, 'f32');
const columnOf = (i: number) => (i % O >= FIRST && i % O < FIRST + N ? (i % O) - FIRST : -1);

/** Expects columns [first, first + N) of a wider output to be written, and no others. */
export async function checkColumns(device: Device, kernel: MatmulKernel = matmul): Promise<void> {
  const inputs = columnInputs();
  const words = await runMatmul(device, { ...inputs, columns: { O, first: FIRST } }, {}, kernel);
  const { want, tolerance } = expectedMatmul(inputs);
  const inside = floatsOf(words).filter((_, i) => columnOf(i) >= 0);
  assertPasses(compareWithin(inside, want, tolerance!, { label: 'inside' }));
  const outside = words.map((word, i) => (columnOf(i) < 0 ? word : 0));
  const { data } = unwritten(5, O);
  const untouched = new Uint32Array(data.buffer).map((word, i) => (columnOf(i) < 0 ? word : 0));
  assertPasses(compareBits(outside, untouched, { label: 'outside' }));
}

/**
 * Expects RESIDUAL to add to what the columns hold, once, with more lanes in a workgroup than the output's two tiles of
 * columns employ.
 */
export async function checkResidual(
  device: Device,
  kernel: MatmulKernel = matmul,
  choice: VariantChoice = {},
): Promise<void> {
  const inputs = { ...columnInputs(), columns: { O, first: FIRST }, residual: normals(4, 5 * O) };
  const words = await runMatmul(device, inputs, { ...choice, overrides: { LANES: 32 } }, kernel);
  const { want, tolerance } = expectedMatmul(inputs);
  assertPasses(compareWithin(floatsOf(words), want, tolerance!, { label: 'residual' }));
}

/** Expects of the naive matmul the sums of float64, and of `matmul` the same bits. */
export async function checkMatmulNaive(
  device: Device,
  K: number,
  naive: Kernel<typeof matmulNaive.spec> = matmulNaive,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const inputs = matmulInputs(K, { M: 5, K, N: 67 }, 'f32');
  const { tensors, scalars } = matmulNaiveOperands(inputs);
  const words = await runKernel(device, naive, tensors, scalars);
  const { want, tolerance } = expectedMatmul(inputs);
  assertPasses(compareWithin(floatsOf(words), want, tolerance!, { label: `naive, K ${K}` }));
  assertPasses(compareBits(await runMatmul(device, inputs, {}, kernel), words, { label: `K ${K}` }));
}

/** Expects SILU_MUL to give the products of float64, and the bits of the plain kernel after the matmul without it. */
export async function checkSiluMul(
  device: Device,
  shape: MatmulShape,
  dtype: WeightDType,
  kernel: MatmulKernel = matmul,
  choice: VariantChoice = {},
  naive: Kernel<typeof siluMulNaive.spec> = siluMulNaive,
): Promise<void> {
  const inputs = matmulInputs(shape.N, shape, dtype);
  const gated = { ...inputs, activation: 'SILU_MUL' } as const;
  const words = await runMatmul(device, gated, choice, kernel);
  const { want, tolerance } = expectedMatmul(gated);
  assertPasses(compareWithin(floatsOf(words), want, tolerance!, { label: 'SILU_MUL' }));
  const { tensors, scalars } = siluMulNaiveOperands(floatsOf(await runMatmul(device, inputs)), shape);
  assertPasses(compareBits(words, await runKernel(device, naive, tensors, scalars), { label: 'SILU_MUL apart' }));
}
