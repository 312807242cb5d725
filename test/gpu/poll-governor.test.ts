import { setImmediate as immediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { PollGovernor } from '../../src/gpu/poll-governor.ts';
import { ReadbackRing } from '../../src/gpu/readback-ring.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

const real = globalThis.setImmediate;
afterEach(() => {
  vi.restoreAllMocks();
  expect(globalThis.setImmediate).toBe(real);
});

/** A governor that has seen readbacks of 100 ms, or others, and the time that it sees. */
function practised(milliseconds = 100) {
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const wait = (milliseconds: number) => {
    now += milliseconds;
  };
  const governor = new PollGovernor();
  for (let n = 0; n < 10; n++) {
    governor.begin();
    wait(milliseconds);
    governor.end();
  }
  return { governor, wait };
}

describe('a poll governor', () => {
  test('stands in for setImmediate only while a readback is pending', () => {
    const governor = new PollGovernor();
    expect(globalThis.setImmediate).toBe(real);
    governor.begin();
    governor.begin();
    expect(globalThis.setImmediate).not.toBe(real);
    governor.end();
    expect(globalThis.setImmediate).not.toBe(real);
    governor.end();
    expect(globalThis.setImmediate).toBe(real);
  });

  test('leaves the callbacks of others alone', async () => {
    const { governor } = practised();
    governor.begin();
    const sleep = vi.spyOn(globalThis, 'setTimeout');
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      const cancelled = setImmediate(() => seen.push('cancelled'));
      clearImmediate(cancelled);
      setImmediate((...args) => seen.push(...args), 1, 2);
      // Bound functions and resolvers look native.
      setImmediate(seen.push.bind(seen, 3));
      setImmediate(resolve);
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(await promisify(setImmediate)('promisified')).toBe('promisified');
    expect(await immediate('imported')).toBe('imported');
    expect(sleep).not.toHaveBeenCalled();
    governor.end();
  });

  test('lets polls rest from the first on where each wait counts as long', () => {
    const governor = new PollGovernor(0);
    const timer = setTimeout(() => {}, 0);
    const sleep = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(timer);
    governor.begin();
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    governor.end();
  });

  test("puts a native module's callbacks to sleep for most of a long wait, then for a millisecond at a time", () => {
    const { governor, wait } = practised();
    const timer = setTimeout(() => {}, 0);
    const sleep = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(timer);
    governor.begin();
    // Date is native, has a prototype and takes no argument, as the callbacks of Dawn.
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 85);
    wait(60);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 25);
    wait(30);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    wait(500);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    governor.end();
  });

  test('lets the end of a short wait be polled without a pause', () => {
    const { governor, wait } = practised(3);
    const timer = setTimeout(() => {}, 0);
    const sleep = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(timer);
    governor.begin();
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 2);
    wait(2);
    setImmediate(Date);
    expect(sleep).toHaveBeenCalledTimes(1);
    governor.end();
  });

  test('sees the polls of a real readback and restores setImmediate when it has settled, also by loss', async () => {
    using device = await Device.open();
    const tensor = Tensor.create(device, 'x', 'f32', [2 ** 20]);
    const ring = new ReadbackRing(device, 'x', 4 * 2 ** 20, new PollGovernor());
    const readBack = () => {
      const encoder = device.gpu.createCommandEncoder();
      return ring.submit(encoder, [{ tensor, size: 4 * 2 ** 20 }]);
    };
    for (let n = 0; n < 6; n++) {
      const pending = readBack();
      expect(globalThis.setImmediate).not.toBe(real);
      const [bytes] = await pending;
      expect(bytes?.byteLength).toBe(4 * 2 ** 20);
      expect(globalThis.setImmediate).toBe(real);
    }
    const lost = readBack();
    device.gpu.destroy();
    await expect(lost).rejects.toThrow('was lost');
  });
});
