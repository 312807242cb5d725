// The ring of staging buffers: each readback gives the bytes of its own submit, and every pending one settles, whatever
// fails.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { ReadbackRing } from '../../src/gpu/readback-ring.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (reason: unknown) => reason,
  );

let device: Device;
let ids: Tensor;
let logprobs: Tensor;
let ring: ReadbackRing;
beforeEach(async () => {
  device = await Device.open();
  ids = Tensor.from(device, 'ids', Int32Array.of(1, 2, 3));
  logprobs = Tensor.from(device, 'logprobs', Float32Array.of(-0.5, -1.5));
  ring = new ReadbackRing(device, 'ids', 64);
});
afterEach(() => device.close());

/** Reads the first two ids and one logprob. */
function readBack(): Promise<ArrayBuffer[]> {
  const encoder = device.gpu.createCommandEncoder({ label: 'readback' });
  return ring.submit(encoder, [
    { tensor: ids, size: 8 },
    { tensor: logprobs, size: 4 },
  ]);
}

async function values(parts: Promise<ArrayBuffer[]>): Promise<number[]> {
  const [first, second] = await parts;
  return [...new Int32Array(first!), ...new Float32Array(second!)];
}

describe('a ring of staging buffers', () => {
  test('makes no call for a part without bytes', async () => {
    const encoder = device.gpu.createCommandEncoder({ label: 'readback' });
    const copy = vi.spyOn(encoder, 'copyBufferToBuffer');
    const [none, second] = await ring.submit(encoder, [
      { tensor: ids, size: 0 },
      { tensor: logprobs, size: 8 },
    ]);
    expect(copy).toHaveBeenCalledTimes(1);
    expect([none?.byteLength, ...new Float32Array(second!)]).toEqual([0, -0.5, -1.5]);
  });

  test('gives each part as it was at its submit', async () => {
    const first = readBack();
    ids.write(Int32Array.of(7, 8, 9));
    const second = readBack();
    expect(await values(first)).toEqual([1, 2, -0.5]);
    expect(await values(second)).toEqual([7, 8, -0.5]);
  });

  test('makes a buffer only while more readbacks are pending than ever before, and frees all of them', async () => {
    const before = device.liveBuffers;
    for (let n = 0; n < 3; n++) await readBack();
    expect(device.liveBuffers).toBe(before + 1);
    await Promise.all([readBack(), readBack(), readBack()]);
    expect(device.liveBuffers).toBe(before + 3);
    await Promise.all([readBack(), readBack()]);
    expect(device.liveBuffers).toBe(before + 3);
    ring.close();
    ring.close();
    expect(device.liveBuffers).toBe(before);
  });

  test('settles pending readbacks when the device is lost', async () => {
    const pending = [readBack(), readBack()];
    device.gpu.destroy();
    for (const read of pending) expect(await errorOf(read)).toBeInstanceOf(DeviceLostError);
  });

  test('settles pending readbacks when the device is closed', async () => {
    const pending = readBack();
    device.close();
    expect(await errorOf(pending)).toBeInstanceOf(DeviceLostError);
  });

  test('throws an error of the work to its submit, again and again, and goes on after it', async () => {
    await readBack();
    const before = device.liveBuffers;
    for (let n = 0; n < 3; n++) {
      const encoder = device.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(ids.range.buffer, 1, logprobs.range.buffer, 0, 4);
      expect(() => ring.submit(encoder, [{ tensor: ids, size: 8 }])).toThrow(/^ids: .*1/);
    }
    expect(await values(readBack())).toEqual([1, 2, -0.5]);
    expect(device.liveBuffers).toBe(before);
    expect(() => device.throwIfFailed()).not.toThrow();
  });

  test('gives pending readbacks while other calls make mistakes past it', async () => {
    const pending = readBack();
    device.gpu.queue.writeBuffer(ids.range.buffer, 1024, new Uint8Array(4));
    expect(await values(pending)).toEqual([1, 2, -0.5]);
    expect(() => device.throwIfFailed()).toThrow('GPU: ');
  });
});
