// The governor of readback polls: it replaces setImmediate only while a readback is pending, and always restores it.
import { setImmediate as real } from 'node:timers';
import { setImmediate as immediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { BufferUsage } from '../../src/gpu/flags.ts';
import { PollGovernor } from '../../src/gpu/poll-governor.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

// The tests' own processes poll slowly by other means: test/support/slow-polling.ts.
beforeAll(() => void vi.stubGlobal('setImmediate', real));
afterAll(() => void vi.unstubAllGlobals());
afterEach(() => {
  vi.restoreAllMocks();
  expect(globalThis.setImmediate).toBe(real);
});

/** A readback that settles on command. */
function pendingReadback(governor: PollGovernor) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settled = governor.during(() => promise);
  return {
    finish: () => {
      resolve();
      return settled;
    },
    fail: (error: Error) => {
      reject(error);
      return settled;
    },
  };
}

/** A governor that has seen readbacks of some milliseconds, and its clock. */
async function practised(milliseconds = 100) {
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const wait = (milliseconds: number) => {
    now += milliseconds;
  };
  const governor = new PollGovernor();
  for (let n = 0; n < 10; n++) await governor.during(async () => wait(milliseconds));
  return { governor, wait };
}

/** A timer that never fires, in place of every one that is set. */
function spyOnTimers() {
  const timer = setTimeout(() => {}, 0);
  return vi.spyOn(globalThis, 'setTimeout').mockReturnValue(timer);
}

describe('a poll governor', () => {
  test('stands in for setImmediate only while a readback is pending', async () => {
    const governor = new PollGovernor();
    expect(globalThis.setImmediate).toBe(real);
    const [first, second] = [pendingReadback(governor), pendingReadback(governor)];
    expect(globalThis.setImmediate).not.toBe(real);
    await first.finish();
    expect(globalThis.setImmediate).not.toBe(real);
    await second.finish();
    expect(globalThis.setImmediate).toBe(real);
  });

  test('leaves with the readback that fails, or that never begins, and passes its error on', async () => {
    const governor = new PollGovernor();
    for (let n = 0; n < 3; n++) {
      await expect(pendingReadback(governor).fail(new Error('lost'))).rejects.toThrow('lost');
      expect(globalThis.setImmediate).toBe(real);
      const refused = governor.during(() => {
        throw new Error('refused');
      });
      await expect(refused).rejects.toThrow('refused');
      expect(globalThis.setImmediate).toBe(real);
    }
  });

  test.each(['first', 'second'] as const)('stays for the other of two when the %s is through', async (through) => {
    const first = pendingReadback(new PollGovernor());
    // Made while the first one stands in: the `setImmediate` that it finds is not the real one.
    const second = pendingReadback(new PollGovernor());
    const [early, late] = through === 'first' ? [first, second] : [second, first];
    await early.finish();
    expect(globalThis.setImmediate).not.toBe(real);
    await late.finish();
    expect(globalThis.setImmediate).toBe(real);
  });

  test("takes the shortest sleep of all that wait, for a poll doesn't say whose it is", async () => {
    const { governor } = await practised(100);
    const sleep = spyOnTimers();
    const long = pendingReadback(governor);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 20);
    const unknown = pendingReadback(new PollGovernor(0));
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    await unknown.finish();
    await long.finish();
  });

  test('leaves a setImmediate that others set meanwhile, and calls the real one for callers that have kept it', async () => {
    const readback = pendingReadback((await practised()).governor);
    const kept = globalThis.setImmediate;
    const others = Object.assign((...args: Parameters<typeof real>) => real(...args), real);
    globalThis.setImmediate = others;
    await readback.finish();
    expect(globalThis.setImmediate).toBe(others);
    const sleep = spyOnTimers();
    await new Promise<void>((resolve) => kept(resolve));
    clearImmediate(kept(Date));
    expect(sleep).not.toHaveBeenCalled();
    globalThis.setImmediate = real;
  });

  test('leaves the callbacks of others alone', async () => {
    const readback = pendingReadback((await practised()).governor);
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
    await readback.finish();
  });

  test('lets polls rest from the first on where each wait counts as long', async () => {
    const sleep = spyOnTimers();
    const readback = pendingReadback(new PollGovernor(0));
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    await readback.finish();
  });

  test("puts a native module's callbacks to sleep for most of a long wait, then for a millisecond at a time", async () => {
    const { governor, wait } = await practised(40);
    const sleep = spyOnTimers();
    const readback = pendingReadback(governor);
    wait(14);
    // Date is native, has a prototype and takes no argument, as the callbacks of Dawn.
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 20);
    wait(10);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 10);
    wait(12);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    wait(500);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 1);
    await readback.finish();
  });

  test('never sleeps longer than 20 ms at a time, however long waits were: the next one may be short', async () => {
    const { governor, wait } = await practised(60_000);
    const sleep = spyOnTimers();
    const readback = pendingReadback(governor);
    for (let n = 0; n < 3; n++) {
      setImmediate(Date);
      expect(sleep).toHaveBeenLastCalledWith(Date, 20);
      wait(20);
    }
    await readback.finish();
  });

  test('lets the end of a short wait be polled without a pause', async () => {
    const { governor, wait } = await practised(3);
    const sleep = spyOnTimers();
    const readback = pendingReadback(governor);
    setImmediate(Date);
    expect(sleep).toHaveBeenLastCalledWith(Date, 2);
    wait(2);
    setImmediate(Date);
    expect(sleep).toHaveBeenCalledTimes(1);
    await readback.finish();
  });

  test("sees the polls of a device's readbacks and restores setImmediate when they have settled, also by loss", async () => {
    using device = await Device.open();
    device.governPolls(new PollGovernor());
    const tensor = Tensor.create(device, 'x', 'f32', [2 ** 20]);
    for (let n = 0; n < 6; n++) {
      const pending = tensor.read();
      expect(globalThis.setImmediate).not.toBe(real);
      expect((await pending).byteLength).toBe(4 * 2 ** 20);
      expect(globalThis.setImmediate).toBe(real);
    }
    const lost = tensor.read();
    device.gpu.destroy();
    await expect(lost).rejects.toThrow('was lost');
  });

  test('is gone with a device that is closed while a buffer is being mapped, or whose buffer can not be mapped', async () => {
    using device = await Device.open();
    device.governPolls(new PollGovernor());
    const { STORAGE, MAP_READ, COPY_DST } = BufferUsage;
    const unmappable = device.createBuffer({ label: 'storage', size: 4, usage: STORAGE });
    await expect(device.map(unmappable, 4)).rejects.toThrow(/^storage: /);
    expect(globalThis.setImmediate).toBe(real);
    const staging = device.createBuffer({ label: 'staging', size: 4, usage: MAP_READ | COPY_DST });
    const closed = device.map(staging, 4);
    device.close();
    await expect(closed).rejects.toThrow('was lost (closed)');
  });
});
