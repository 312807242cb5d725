// Check of copied rows, several and one.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { expectedRows } from '../../../src/kernels/gather-rows/expected.ts';
import { gatherRows } from '../../../src/kernels/gather-rows/gather-rows.ts';
import { gatherInputs, gatherOperands } from '../../../src/kernels/gather-rows/operands.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** Expects copies of several rows of C elements, and of one. */
export async function checkGatherRows(
  device: Device,
  C: number,
  kernel: Kernel<typeof gatherRows.spec> = gatherRows,
): Promise<void> {
  const several = gatherInputs(C, C);
  for (const inputs of [several, { ...several, rows: [5] }]) {
    const { tensors, scalars } = gatherOperands(inputs);
    const want = new Float32Array(expectedRows(inputs).want);
    const got = await runKernel(device, kernel, tensors, scalars);
    assertPasses(compareBits(got, new Uint32Array(want.buffer), { label: `rows ${inputs.rows} of ${C}` }));
  }
}
