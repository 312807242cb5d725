import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { gatherRows } from '../../../src/kernels/gather-rows/gather-rows.ts';
import { hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { normals } from '../../../src/util/random-values.ts';
import { expectSameBits } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';

/** Rows in no order, the first, the last and one of them twice. */
const ROWS = [4, 0, 8, 4, 1];

/** Expects copies of several rows of C elements, and of one. */
export async function checkGatherRows(
  device: Device,
  C: number,
  kernel: Kernel<typeof gatherRows.spec> = gatherRows,
): Promise<void> {
  const x = normals(C, 9 * C);
  for (const rows of [ROWS, [5]]) {
    const operands = {
      x: hostTensor(x, 9, C),
      rows: hostTensor(Int32Array.from(rows), rows.length),
      out: unwritten(rows.length, C),
    };
    const want = Float32Array.from(rows.flatMap((row) => [...x.subarray(row * C, (row + 1) * C)]));
    const got = await runKernel(device, kernel, operands, {});
    expectSameBits(got, new Uint32Array(want.buffer), `rows ${rows} of ${C}`);
  }
}
