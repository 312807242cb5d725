// Timestamps of dispatches: all on one clock, in order of submission, each with the cost that its kernel declares.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { GpuError } from '../../src/gpu/errors.ts';
import { KernelTimer } from '../../src/gpu/kernel-timer.ts';
import type { Program } from '../../src/gpu/program.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** `count` gathers that swap two rows. */
async function record(on: Device, count: number) {
  await gatherRows.build(on);
  const x = Tensor.from(on, 'x', Float32Array.of(1, 2), [2, 1]);
  const rows = Tensor.from(on, 'rows', Int32Array.of(1, 0));
  const out = Tensor.create(on, 'out', 'f32', [2, 1]);
  const recorder = new Recorder(on);
  for (let n = 0; n < count; n++) recorder.add(gatherRows, { x, rows, out }, {});
  return { program: await recorder.finish('gathers'), out };
}

/** Submits a program as `encode` encodes it. */
function submit<T>(on: Device, encode: (encoder: GPUCommandEncoder) => () => Promise<T>): Promise<T> {
  const encoder = on.gpu.createCommandEncoder();
  const read = encode(encoder);
  on.gpu.queue.submit([encoder.finish()]);
  return read();
}

test('programs in flight together keep their order on one clock, dispatches within them too', async (context) => {
  if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
  const { program } = await record(device, 3);
  const timer = new KernelTimer(device);
  const before = device.liveBuffers;
  const [first, whole, last] = await Promise.all([
    submit(device, (encoder) => timer.encodeEach(encoder, program)),
    submit(device, (encoder) => timer.encodeWhole(encoder, program)),
    submit(device, (encoder) => timer.encodeEach(encoder, program)),
  ]);
  expect(device.liveBuffers).toBe(before);
  expect(first[0]!.start).toBe(0);
  const spans = [...first, whole, ...last];
  for (const [i, { start, nanoseconds }] of spans.entries()) {
    expect(Number.isSafeInteger(start) && Number.isSafeInteger(nanoseconds)).toBe(true);
    expect(nanoseconds).toBeGreaterThanOrEqual(0);
    if (i > 0) expect(start).toBeGreaterThanOrEqual(spans[i - 1]!.start + spans[i - 1]!.nanoseconds);
  }
});

test('a dispatch comes with the cost that its kernel declares', async (context) => {
  if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
  const { program, out } = await record(device, 1);
  const [time] = await submit(device, (encoder) => new KernelTimer(device).encodeEach(encoder, program));
  expect(time).toMatchObject({ label: 'gather_rows[LANES=64]', dims: { R: 2, C: 1 }, cost: { bytes: 16, flops: 0 } });
  expect(await out.readF32()).toEqual(Float32Array.of(2, 1));
});

test.each([
  [
    'dispatch by dispatch',
    (timer: KernelTimer, encoder: GPUCommandEncoder, p: Program) => timer.encodeEach(encoder, p),
  ],
  ['as a whole', (timer: KernelTimer, encoder: GPUCommandEncoder, p: Program) => timer.encodeWhole(encoder, p)],
])('a device without timestamps is refused %s, and nothing is left on it', async (_, encode) => {
  using base = await Device.open({ features: 'base' });
  const { program } = await record(base, 1);
  const before = base.liveBuffers;
  const encoder = base.gpu.createCommandEncoder();
  expect(() => encode(new KernelTimer(base), encoder, program)).toThrow(GpuError);
  expect(base.liveBuffers).toBe(before);
});
