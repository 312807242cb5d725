// Checks of the masked logits: rows with masks of every kind, over the model's logits and over adjusted ones.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectedMasked } from '../../../src/kernels/mask-logits/expected.ts';
import { maskLogits } from '../../../src/kernels/mask-logits/mask-logits.ts';
import {
  adjustedMaskedRows,
  type MaskedRow,
  maskedRows,
  maskOperands,
} from '../../../src/kernels/mask-logits/operands.ts';
import { expectRows } from './expect-rows.ts';
import { runKernel } from './run-kernel.ts';

/** Words of out[R, V]. */
export function runMaskLogits(
  device: Device,
  rows: readonly MaskedRow[],
  kernel: Kernel<typeof maskLogits.spec> = maskLogits,
  choice: VariantChoice = {},
): Promise<Uint32Array> {
  const { tensors, scalars } = maskOperands(rows);
  return runKernel(device, kernel, tensors, scalars, choice);
}

/** Expects of rows of V the values of the reference, copied and in place. */
export async function checkMaskLogits(
  device: Device,
  V: number,
  kernel: Kernel<typeof maskLogits.spec> = maskLogits,
  R = 8,
): Promise<void> {
  for (const rows of [maskedRows(V, R), adjustedMaskedRows(V, R)]) {
    expectRows(await runMaskLogits(device, rows, kernel), expectedMasked(rows), rows.length);
  }
}

/** Logits that are not finite, masked and not: none becomes finite, and finite ones are masked. */
export async function checkUnmaskable(
  device: Device,
  kernel: Kernel<typeof maskLogits.spec> = maskLogits,
): Promise<void> {
  const logits = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, -3.4e38, 0);
  const out = floatsOf(await runMaskLogits(device, [{ logits, mask: Uint32Array.of(0) }], kernel));
  const least = Math.fround(-3.4e38);
  expect([...out]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, least, least, least]);
}
