// Checks of the log-probabilities: the records of many rows, and the greatest and least logits.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectedLogprobs } from '../../../src/kernels/logprobs/expected.ts';
import { LOGPROB_WORDS, logprobs } from '../../../src/kernels/logprobs/logprobs.ts';
import { type LogprobRow, logprobOperands, logprobRows } from '../../../src/kernels/logprobs/operands.ts';
import { expectRows } from './expect-rows.ts';
import { runKernel } from './run-kernel.ts';

/** Words of records[R, LOGPROB_WORDS]. */
export function runLogprobs(
  device: Device,
  rows: readonly LogprobRow[],
  kernel: Kernel<typeof logprobs.spec> = logprobs,
  choice: VariantChoice = {},
): Promise<Uint32Array> {
  const { tensors, scalars } = logprobOperands(rows);
  return runKernel(device, kernel, tensors, scalars, choice);
}

/** Expects the records of rows of V that float64 gives, the ids of the most likely and the words after them exactly. */
export async function checkLogprobs(
  device: Device,
  V: number,
  kernel: Kernel<typeof logprobs.spec> = logprobs,
): Promise<void> {
  const rows = logprobRows(V);
  expectRows(await runLogprobs(device, rows, kernel), expectedLogprobs(rows), rows.length);
}

/** The least f32. */
const LEAST = -(2 - 2 ** -23) * 2 ** 127;

/** Logits whose distances are no f32, and where they are; then logits that are not finite: NaN. */
const EXTREMES: readonly (readonly [logits: readonly number[], want: readonly number[]])[] = [
  [
    [3e38, -3e38, 0, 1],
    [0, LEAST, -3e38, -3e38],
  ],
  [
    [-3e38, 3e38, -3e38, 3e38],
    [LEAST, -Math.LN2, LEAST, -Math.LN2],
  ],
  [[-3e38, -3e38, -3e38, -3e38], Array(4).fill(-Math.log(4))],
  [
    [1.7e38, -1.7e38, 0, 0],
    [0, -3.4e38, -1.7e38, -1.7e38],
  ],
  // Just further apart than the greatest f32.
  [
    [1.71e38, -1.71e38, 0, 0],
    [0, LEAST, -1.71e38, -1.71e38],
  ],
  [
    [-LEAST, LEAST, -LEAST, LEAST],
    [-Math.LN2, LEAST, -Math.LN2, LEAST],
  ],
  ...[Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
    (logit): readonly [number[], number[]] => [[1, logit, 2, 0], Array(4).fill(Number.NaN)],
  ),
];

/** Expects finite log-probabilities of the greatest and least logits, of each id and of the most likely, and NaN of others. */
export async function checkExtremeLogprobs(
  device: Device,
  kernel: Kernel<typeof logprobs.spec> = logprobs,
): Promise<void> {
  for (const [logits, want] of EXTREMES) {
    const row = Float32Array.from(logits);
    // A NaN of either sign: the greatest and the least of keys.
    const bits = new Uint32Array(row.buffer);
    for (const sign of Number.isNaN(want[0]) ? [0, 0x80000000] : [0]) {
      if (Number.isNaN(row[1])) bits[1] = 0x7fc00000 + sign;
      const rows = logits.map((_, chosen) => ({ logits: row, chosen, numTop: 4 }));
      const records = floatsOf(await runLogprobs(device, rows, kernel));
      const label = `log-probabilities of ${logits}`;
      for (const [chosen, logprob] of want.entries()) expectNear(records[chosen * LOGPROB_WORDS]!, logprob, label);
      const top = [2, 4, 6, 8].map((place) => records[place]!);
      for (const [rank, logprob] of want.toSorted((a, b) => b - a).entries()) expectNear(top[rank]!, logprob, label);
    }
  }
}

function expectNear(got: number, want: number, label: string): void {
  if (Number.isNaN(want)) expect(got, label).toBeNaN();
  // Two roundings, and the error of the logarithm.
  else
    expect(Math.abs(got - want), `${label}: ${got} for ${want}`).toBeLessThanOrEqual(1e-6 + 2 ** -22 * Math.abs(want));
}
