// Checks of norms of either kind: against float64, of the order of their sums, of epsilon, and of a row alone and among others.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../../src/gpu/kernel-spec.ts';
import type { ReductionClass } from '../../../src/gpu/reduction.ts';
import { type Expected, floatsOf, type KernelOperands } from '../../../src/kernels/kernel-case.ts';
import { LAYERNORM_ROWS, type LayernormInputs, layernormInputs } from '../../../src/kernels/layernorm/operands.ts';
import type { matmul } from '../../../src/kernels/matmul/matmul.ts';
import type { NormInputs } from '../../../src/kernels/matmul/operands.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { expectRows } from './expect-rows.ts';
import { runKernel } from './run-kernel.ts';

/** Norm of a kind: its kernels, what they take, and what is right. A kind without a shift ignores beta. */
export interface Norm {
  readonly kernel: Kernel;
  readonly naive: Kernel;
  /** Matmul that takes the norm in. */
  readonly inMatmul: Kernel;
  /** Returns operands of `kernel` and of `naive`. */
  operands(rows: LayernormInputs): KernelOperands<KernelSpec>;
  /** Returns operands of `inMatmul`. */
  inMatmulOperands(matmulOperands: KernelOperands<typeof matmul.spec>, norm: NormInputs): KernelOperands<KernelSpec>;
  /** Computes out[M, C]. @param numRoundings of a sum of C terms, one after another; by default those of `kernel`. */
  expected(rows: LayernormInputs, numRoundings?: number): Expected;
  /** Counts the roundings, one after another, of a sum of C terms in `naive`. */
  naiveRoundings(C: number): number;
  /** Makes rows whose output another order of a sum than that of a class changes by more than the tolerance. */
  orderCases(reduction: ReductionClass): readonly OrderCase[];
}

/** Rows, and the output that a sum in the promised order gives. */
export interface OrderCase {
  readonly rows: LayernormInputs;
  readonly want: Float64Array;
  readonly tolerance: Float64Array;
}

/** Returns the words of out[M, C]. */
export function runNorm(
  device: Device,
  norm: Norm,
  rows: LayernormInputs,
  kernel: Kernel = norm.kernel,
): Promise<Uint32Array> {
  const { tensors, scalars } = norm.operands(rows);
  return runKernel(device, kernel, tensors, scalars);
}

/** Expects of rows of C the values of float64. */
export async function checkNorm(device: Device, norm: Norm, C: number, kernel: Kernel = norm.kernel): Promise<void> {
  const rows = layernormInputs(C, C);
  expectRows(await runNorm(device, norm, rows, kernel), norm.expected(rows), rows.x.length / C);
}

/** Expects the same of the plain kernel. */
export async function checkNaiveNorm(
  device: Device,
  norm: Norm,
  C: number,
  kernel: Kernel = norm.naive,
): Promise<void> {
  const rows = layernormInputs(C, C);
  expectRows(await runNorm(device, norm, rows, kernel), norm.expected(rows, norm.naiveRoundings(C)), rows.x.length / C);
}

/** Expects sums in the order that the device's class promises. */
export async function checkNormOrder(device: Device, norm: Norm, kernel: Kernel = norm.kernel): Promise<void> {
  for (const { rows, want, tolerance } of norm.orderCases(device.traits.reduction)) {
    assertPasses(
      compareWithin(floatsOf(await runNorm(device, norm, rows, kernel)), want, tolerance, {
        label: 'order of the sum',
      }),
    );
  }
}

/** Expects the caller's epsilon in the norm of a row of mean 0 and mean square 1. */
export async function checkEpsilon(device: Device, norm: Norm, kernel: Kernel = norm.kernel): Promise<void> {
  const row = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 3), beta: Float32Array.of(0, 0), eps: 3 };
  assertPasses(
    compareWithin(floatsOf(await runNorm(device, norm, row, kernel)), [-0.5, 1.5], [0, 0], { label: 'epsilon 3' }),
  );
}

/** Expects of each row of C alone the bits that it has among others. */
export async function checkRowsAlone(
  device: Device,
  norm: Norm,
  C: number,
  kernel: Kernel = norm.kernel,
): Promise<void> {
  const rows = layernormInputs(1, C);
  const together = await runNorm(device, norm, rows, kernel);
  for (const [n, name] of LAYERNORM_ROWS.entries()) {
    const alone = await runNorm(device, norm, { ...rows, x: rows.x.slice(n * C, (n + 1) * C) }, kernel);
    assertPasses(compareBits(alone, together.subarray(n * C, (n + 1) * C), { label: name }));
  }
}
