import { afterAll, beforeAll, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { gatherRows } from '../../src/kernels/gather-rows.ts';
import { expectSameBits } from '../support/expect-within.ts';
import { nans, operand } from '../support/guarded-tensor.ts';
import { normals } from '../support/random-data.ts';
import { runKernel } from '../support/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Rows in no order, the first, the last and one of them twice. */
const ROWS = [4, 0, 8, 4, 1];

test.each([1, 63, 64, 65, 131, 768])('gather_rows copies the listed rows of %i elements', async (C) => {
  const x = normals(C, 9 * C);
  for (const rows of [ROWS, [5]]) {
    const operands = {
      x: operand(x, 9, C),
      rows: operand(Int32Array.from(rows), rows.length),
      out: nans(rows.length, C),
    };
    const want = Float32Array.from(rows.flatMap((row) => [...x.subarray(row * C, (row + 1) * C)]));
    const got = await runKernel(device, gatherRows, operands, {});
    expectSameBits(got, new Uint32Array(want.buffer), `rows ${rows} of ${C}`);
  }
});
