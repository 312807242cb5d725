// Copies of listed rows, bit by bit.
import { afterAll, beforeAll, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { checkGatherRows } from '../support/kernels/gather-rows-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

test.each([1, 63, 64, 65, 131, 768])('gather_rows copies the listed rows of %i elements', (C) =>
  checkGatherRows(device, C),
);
