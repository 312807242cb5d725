// Check of sums of hidden states: against float64, and of a row that is cut in two.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { expectedSums } from '../../../src/kernels/pool-hidden/expected.ts';
import { type PoolInputs, poolInputs, poolOperands } from '../../../src/kernels/pool-hidden/operands.ts';
import { poolHidden } from '../../../src/kernels/pool-hidden/pool-hidden.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { expectRows } from './expect-rows.ts';
import { runKernel } from './run-kernel.ts';

/** Runs the rows of one dispatch; returns the words of all sums. */
export async function runPoolHidden(
  device: Device,
  inputs: PoolInputs,
  kernel: Kernel<typeof poolHidden.spec> = poolHidden,
): Promise<Uint32Array> {
  const { tensors, scalars } = poolOperands(inputs);
  return await runKernel(device, kernel, tensors, scalars);
}

/** Expects sums of rows of C as in float64, and the same bits of a row whose tokens come in several dispatches. */
export async function checkPoolHidden(
  device: Device,
  C: number,
  kernel: Kernel<typeof poolHidden.spec> = poolHidden,
): Promise<void> {
  const inputs = poolInputs(C, C);
  const words = await runPoolHidden(device, inputs, kernel);
  expectRows(words, expectedSums(inputs), inputs.sums.length / C);
  const [row, ...others] = inputs.rows;
  let sums = inputs.sums;
  const cuts = [row!.first, row!.first + 1, row!.first + 6, row!.end];
  for (const [i, end] of cuts.slice(1).entries()) {
    const rows = [{ ...row!, first: cuts[i]!, end, isContinued: i > 0 }, ...(i === 0 ? others : [])];
    sums = floatsOf(await runPoolHidden(device, { ...inputs, rows, sums }, kernel)).slice();
  }
  const cut = new Uint32Array(sums.buffer);
  assertPasses(compareBits(cut, words, { label: `sums of ${C} in three chunks` }));
}
