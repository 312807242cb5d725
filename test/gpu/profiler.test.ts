// The profiler: a time for every dispatch of a program, which still has its effects.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { GpuError } from '../../src/gpu/errors.ts';
import { profile, totalTimes } from '../../src/gpu/profiler.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** `count` gathers, then one layer norm. */
async function record(on: Device, count: number) {
  await Promise.all([layernorm.build(on), gatherRows.build(on)]);
  const x = Tensor.from(on, 'x', Float32Array.of(-1, 1, -2, 2), [2, 2]);
  const rows = Tensor.from(on, 'rows', Int32Array.of(1, 0));
  const vector = Tensor.create(on, 'vector', 'f32', [2]);
  const out = Tensor.create(on, 'out', 'f32', [2, 2]);
  const normed = Tensor.create(on, 'normed', 'f32', [2, 2]);
  const recorder = new Recorder(on);
  for (let n = 0; n < count; n++) recorder.add(gatherRows, { x, rows, out }, {});
  recorder.add(layernorm, { x: out, gamma: vector, beta: vector, out: normed }, { eps: 1 });
  return { program: await recorder.finish('step'), out };
}

// More than one query set holds. An adapter without timestamps cannot be profiled.
test('every dispatch of a program gets a time, however many there are, and the program has its effects', async (context) => {
  if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
  const { program, out } = await record(device, 2100);
  const before = device.liveBuffers;
  const times = await profile(device, program);
  expect(times.map(({ label }) => label)).toEqual(program.dispatches.map(({ label }) => label));
  expect(times.every(({ nanoseconds }) => nanoseconds >= 0)).toBe(true);
  expect(times[0]!.dims).toMatchObject({ R: 2, C: 2 });
  expect(await out.readF32()).toEqual(Float32Array.of(-2, 2, -1, 1));
  expect(device.liveBuffers).toBe(before);

  const totals = totalTimes(times);
  expect(totals.map(({ label, dispatches }) => [label, dispatches])).toEqual([
    ['gather_rows[LANES=64]', 2100],
    ['layernorm', 1],
  ]);
  const sum = times.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
  expect(sum).toBeGreaterThan(0);
  expect(totals.reduce((total, { nanoseconds }) => total + nanoseconds, 0)).toBe(sum);
});

test('totals are summed by label, the longest first', () => {
  const time = (label: string, nanoseconds: number) => ({ label, nanoseconds, dims: {} });
  expect(totalTimes([time('a', 1), time('b', 5), time('a', 2)])).toEqual([
    { label: 'b', dispatches: 1, nanoseconds: 5 },
    { label: 'a', dispatches: 2, nanoseconds: 3 },
  ]);
  expect(totalTimes([])).toEqual([]);
});

test('a device without timestamps is refused', async () => {
  using base = await Device.open({ features: 'base' });
  const { program } = await record(base, 1);
  const error = await profile(base, program).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(GpuError);
  expect(String(error)).toContain('step (profile): the device has no timestamps');
});
