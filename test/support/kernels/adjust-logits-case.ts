// Checks of the adjusted logits: rows with penalties of every kind, and logits at the ends of f32.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { adjustLogits } from '../../../src/kernels/adjust-logits/adjust-logits.ts';
import { expectedAdjustment } from '../../../src/kernels/adjust-logits/expected.ts';
import { type AdjustedRow, adjustedRows, adjustOperands } from '../../../src/kernels/adjust-logits/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectRows } from './expect-rows.ts';
import { runKernel } from './run-kernel.ts';

/** Words of out[R, V]. */
export function runAdjustLogits(
  device: Device,
  rows: readonly AdjustedRow[],
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
  choice: VariantChoice = {},
): Promise<Uint32Array> {
  const { tensors, scalars } = adjustOperands(rows);
  return runKernel(device, kernel, tensors, scalars, choice);
}

/** Expects of rows of V the values of float64. */
export async function checkAdjustLogits(
  device: Device,
  V: number,
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
  R = 24,
): Promise<void> {
  const rows = adjustedRows(V, R);
  expectRows(await runAdjustLogits(device, rows, kernel), expectedAdjustment(rows), rows.length);
}

/** Logits at the ends of f32, and penalties that would carry them past: all stay finite, and the infinite stay infinite. */
export async function checkExtremeLogits(
  device: Device,
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
): Promise<void> {
  const logits = Float32Array.of(3.4e38, -3.4e38, 0, 1, Number.NaN, Number.POSITIVE_INFINITY, 1e30, -1e30);
  const ids = [0, 1, 2, 3, 4, 5, 6, 7];
  const rows: AdjustedRow[] = [
    { logits, promptIds: ids, repetitionPenalty: 3e38 },
    { logits, promptIds: ids, repetitionPenalty: 1e-45 },
    { logits, maskedIds: ids },
    { logits, promptIds: ids, repetitionPenalty: Math.fround(1.01) },
  ];
  const out = floatsOf(await runAdjustLogits(device, rows, kernel));
  const row = (r: number) => [...out.subarray(8 * r, 8 * (r + 1))];
  const top = Math.fround(3.4e38);
  for (const r of [0, 1, 2, 3])
    expect(row(r).map(Number.isFinite), `row ${r}`).toEqual(row(0).map((_, i) => i !== 4 && i !== 5));
  expect(row(0).slice(1, 3)).toEqual([-top, 0]);
  expect(row(1).slice(0, 4)).toEqual([top, expect.closeTo(-3.997, 2), 0, Math.fround(2 ** 126)]);
  // A penalty next to 1, which is off.
  expect(row(3)[3]).toBeCloseTo(1 / 1.01, 5);
  expect(row(2)).toEqual([-top, -top, -top, -top, Number.NaN, Number.POSITIVE_INFINITY, -top, -top]);
}
