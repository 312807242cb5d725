// Thousands of tensors, kernels and readbacks: the device's counts and the heap end where they began.
// @module-tag sweep
import { setImmediate as real } from 'node:timers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { BufferUsage } from '../../src/gpu/flags.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { heapGrowth } from '../support/engine/heap-growth.ts';

const ROUNDS = 1000;

// Thousands of readbacks of a few bytes: a pause between polls would be most of their time.
beforeAll(() => void vi.stubGlobal('setImmediate', real));
afterAll(() => void vi.unstubAllGlobals());

/** Counts of a device's buffers, bytes and bind groups. */
const held = ({ liveBuffers, liveBytes, bindGroups }: Device) => [liveBuffers, liveBytes, bindGroups.size];

describe.each(['auto', 'base'] as const)('on a device with %s features', (features) => {
  test(`${ROUNDS} rounds of making, running and disposing tensors and kernels leave nothing behind`, async () => {
    using device = await Device.open({ features });
    using x = Tensor.from(device, 'x', [1, 2, 3, 4], [2, 2]);
    const before = held(device);
    for (let round = 0; round < ROUNDS; round++) {
      const kernel = defineKernel(gatherRows.spec);
      using rows = Tensor.from(device, 'rows', Int32Array.of(1, round % 2, 0));
      using out = Tensor.create(device, 'out', 'f32', [3, 2]);
      await kernel.run(device, { x, rows, out: out.view([3, 2]) }, {});
      const got = await out.readF32();
      if (got[0] !== 3 || got[4] !== 1) expect.fail(`round ${round}: ${got}`);
    }
    expect(held(device)).toEqual(before);
    expect(before).toEqual([1, 16, 0]);
  });

  test('tensors that are not disposed are counted, with the bind groups that hold them', async () => {
    using device = await Device.open({ features });
    const x = Tensor.from(device, 'x', [1, 2, 3, 4], [2, 2]);
    for (let round = 1; round <= 3; round++) {
      const rows = Tensor.from(device, 'rows', Int32Array.of(1));
      using out = Tensor.create(device, 'out', 'f32', [1, 2]);
      await gatherRows.run(device, { x, rows, out }, {});
      expect(held(device)).toEqual([2 + round, 16 + 4 * round + 8, 1]);
    }
  });
});

// Less than any object takes: a device keeps nothing for a readback, though it may be lost during each.
test('readbacks leave nothing on the heap', async () => {
  using device = await Device.open();
  const staging = device.createBuffer({ label: 'staging', size: 16, usage: BufferUsage.MAP_READ });
  const readBack = async (wait: (mapped: Promise<unknown>) => Promise<unknown>) => {
    for (let i = 0; i < ROUNDS; i++) {
      await wait(device.map(staging, 16));
      staging.unmap();
    }
  };
  expect(await heapGrowth(ROUNDS, () => readBack((mapped) => mapped))).toBeLessThan(50);
  const never = new Promise(() => {});
  expect(await heapGrowth(ROUNDS, () => readBack((mapped) => Promise.race([mapped, never])))).toBeGreaterThan(100);
});
