// Repeated timing of a kernel: statistics agree with the samples and the declared cost; no test asserts a duration.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { time } from '../../src/timing/time.ts';

describe.each(['auto', 'base'] as const)('timing a kernel on a device with %s features', (features) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ features });
  });
  afterAll(() => device.close());

  function tensors(on: Device, owned: DisposableStack) {
    return {
      x: owned.use(Tensor.from(on, 'x', [1, 2, 3, 4], [2, 2])),
      rows: owned.use(Tensor.from(on, 'rows', Int32Array.of(1, 0, 1))),
      out: owned.use(Tensor.create(on, 'out', 'f32', [3, 2])),
    };
  }

  test('gives the median, the spread and the speeds that follow from the cost, and leaves nothing on the device', async () => {
    using owned = new DisposableStack();
    const { x, rows, out } = tensors(device, owned);
    const before = [device.liveBuffers, device.liveBytes];
    const timing = await time(
      device,
      gatherRows,
      { x, rows, out },
      {},
      { runs: 5, choice: { overrides: { LANES: 8 } } },
    );
    const timer = device.traits.timestamps ? 'timestamps' : 'clock';
    expect(timing).toMatchObject({ label: 'gather_rows[LANES=8]', timer, runs: 5, gflops: 0 });
    const { median, p10, p90 } = timing.milliseconds;
    expect(p10).toBeGreaterThan(0);
    expect(median).toBeGreaterThanOrEqual(p10);
    expect(p90).toBeGreaterThanOrEqual(median);
    // 48 bytes in `median` milliseconds, in 1e9 bytes a second.
    expect(timing.gigabytes).toBeCloseTo(48 / (median * 1e6), 12);
    expect(await out.read()).toEqual(Float32Array.of(3, 4, 1, 2, 3, 4));
    expect([device.liveBuffers, device.liveBytes]).toEqual(before);
  });

  test('gives no speed where the clock saw no time pass', async (context) => {
    if (device.traits.timestamps) context.skip('the GPU has a clock of its own');
    using owned = new DisposableStack();
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const timing = await time(device, gatherRows, tensors(device, owned), {}, { runs: 1, warmUps: 0 });
    now.mockRestore();
    expect(timing).toMatchObject({ milliseconds: { median: 0 }, gflops: null, gigabytes: null });
  });

  test('refuses zero runs, and calls that the kernel refuses', async () => {
    using owned = new DisposableStack();
    const { x, rows, out } = tensors(device, owned);
    await expect(time(device, gatherRows, { x, rows, out }, {}, { runs: 0 })).rejects.toThrow(
      'runs is 0, expected an integer from 1 on',
    );
    await expect(time(device, gatherRows, { x, rows, out }, {}, { warmUps: -1 })).rejects.toThrow(
      'warmUps is -1, expected an integer from 0 on',
    );
    await expect(time(device, gatherRows, { x, rows, out }, {}, { expect: {} })).rejects.toThrow(
      'expect is an object, expected an object with the values of one output at least',
    );
    await expect(time(device, gatherRows, { x, rows, out }, {}, { bound: 1 })).rejects.toThrow(
      'bound is 1, expected none without expect',
    );
    await expect(time(device, gatherRows, { x, rows, out: x }, {})).rejects.toThrow('gather_rows: out is [2, 2]');
  });
});
