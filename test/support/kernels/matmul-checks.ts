import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { matmul } from '../../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../../src/kernels/matmul/matmul-naive.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import * as reference from '../../../src/reference/operators.ts';
import { normals } from '../../../src/util/random-values.ts';
import { expectSameBits, expectWithin } from './expect-within.ts';
import {
  type MatmulInputs,
  type MatmulKernel,
  type MatmulShape,
  matmulConditions,
  matmulInputs,
  matmulOperands,
} from './matmul-case.ts';
import { runKernel } from './run-kernel.ts';

const U = 2 ** -24;
/** Below the smallest normal f32, where an adapter may flush to zero. */
const TINY = 2 ** -126;

/** Sums, and how far f32 may be from them. */
export interface Expected {
  readonly sums: Float64Array;
  readonly tolerance: Float64Array;
}

/**
 * The sums in float64. In f32 each of K products and K + 1 additions (the bias is the last) rounds by u = 2^-24 of a value
 * that is at most A = Σ|x w| + |bias|: the error is below (K + 2) u A, whether or not fma is fused.
 */
export function expectedSums({ M, K, N, x, w, bias }: MatmulInputs): Expected {
  const [x64, w64, bias64] = [Float64Array.from(x), Float64Array.from(w), Float64Array.from(bias)];
  const sums = reference.matmul(x64, w64, bias64, { M, K, N });
  const magnitudes = reference.matmul(x64.map(Math.abs), w64.map(Math.abs), bias64.map(Math.abs), { M, K, N });
  return { sums, tolerance: magnitudes.map((magnitude) => (K + 2) * U * magnitude + TINY) };
}

/** What differs from the default variant. */
interface MatmulTuning {
  readonly ROWS?: number;
  readonly TILES?: number;
  readonly X_LANES?: number;
  readonly K_TILE?: number;
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
  const { sums, tolerance } = expectedSums(inputs);
  const choice = {
    conditions: {
      ...matmulConditions(dtype),
      ...(SUBGROUPS !== undefined && { SUBGROUPS }),
      ...(X_VEC4 !== undefined && { X_VEC4 }),
    },
    constants,
    overrides: { ...(LANES !== undefined && { LANES }) },
  };
  const words = await runKernel(device, kernel, matmulOperands(inputs), {}, choice);
  expectWithin(floatsOf(words), sums, tolerance, `M ${shape.M}, K ${shape.K}, N ${shape.N}, ${dtype}`);
  return words;
}

/** Columns of an output of 100 that are written, from 40 on. */
const [N, O, FIRST] = [33, 100, 40];
const columnInputs = () => matmulInputs(3, { M: 5, K: 60, N }, 'f32');
const columnOf = (i: number) => (i % O >= FIRST && i % O < FIRST + N ? (i % O) - FIRST : -1);

/** Expects columns [first, first + N) of a wider output to be written, and no others. */
export async function checkColumns(device: Device, kernel: MatmulKernel = matmul): Promise<void> {
  const inputs = columnInputs();
  const { sums, tolerance } = expectedSums(inputs);
  const words = await runKernel(device, kernel, matmulOperands(inputs, unwritten(5, O)), { first: FIRST });
  const inside = floatsOf(words).filter((_, i) => columnOf(i) >= 0);
  expectWithin(inside, sums, tolerance, 'inside');
  const outside = words.map((word, i) => (columnOf(i) < 0 ? word : 0));
  const { data } = unwritten(5, O);
  const untouched = new Uint32Array(data.buffer).map((word, i) => (columnOf(i) < 0 ? word : 0));
  expectSameBits(outside, untouched, 'outside');
}

/**
 * Expects RESIDUAL to add to what the columns hold, once, with more lanes in a workgroup than the output's two tiles of
 * columns employ.
 */
export async function checkResidual(device: Device, kernel: MatmulKernel = matmul): Promise<void> {
  const inputs = columnInputs();
  const { sums, tolerance } = expectedSums(inputs);
  const before = normals(4, 5 * O);
  const choice = { conditions: matmulConditions('f32', 'RESIDUAL'), overrides: { LANES: 32 } };
  const operands = matmulOperands(inputs, hostTensor(before, 5, O));
  const out = floatsOf(await runKernel(device, kernel, operands, { first: FIRST }, choice));
  const sumOf = (i: number) => Math.floor(i / O) * N + columnOf(i);
  const added = before.map((value, i) => (columnOf(i) >= 0 ? value + sums[sumOf(i)]! : value));
  // One more rounding.
  const limits = Float64Array.from(added, (value, i) =>
    columnOf(i) >= 0 ? tolerance[sumOf(i)]! + 2 * U * Math.abs(value) : 0,
  );
  expectWithin(out, added, limits, 'residual');
}

/** Expects of the naive matmul the sums of float64, and of `matmul` the same bits. */
export async function checkMatmulNaive(
  device: Device,
  K: number,
  naive: Kernel<typeof matmulNaive.spec> = matmulNaive,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const inputs = matmulInputs(K, { M: 5, K, N: 67 }, 'f32');
  const { x, bias, out } = matmulOperands(inputs);
  const words = await runKernel(device, naive, { x, w: hostTensor(inputs.w, K, 67), bias, out }, {});
  const { sums, tolerance } = expectedSums(inputs);
  expectWithin(floatsOf(words), sums, tolerance, `naive, K ${K}`);
  expectSameBits(await runKernel(device, kernel, matmulOperands(inputs), {}), words, `K ${K}`);
}
