// A device's errors and buffers: each GPU error is thrown by the call that made it, and everything is freed once.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { AdapterError, DeviceLostError, GpuError } from '../../src/gpu/errors.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';

const STORAGE = 0x80;
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (reason: unknown) => reason,
  );

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('an adapter', () => {
  test('is found by part of its name in either case', async () => {
    const { name, backend } = device.identity;
    using other = await Device.open({ adapter: name.slice(1, 5).toUpperCase(), backend });
    expect(other.identity).toEqual(device.identity);
    expect(other.identity.webgpu).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('that has no such name is refused with the names there are', async () => {
    const error = await errorOf(Device.open({ adapter: 'no such adapter' }));
    expect(error).toBeInstanceOf(AdapterError);
    expect(String(error)).toContain('no adapter named like "no such adapter"; there are: ');
    expect(String(error)).toContain(device.identity.name);
  });

  test('that does not answer is refused with the backends tried and advice', async () => {
    const backend = process.platform === 'darwin' ? 'vulkan' : 'metal';
    const error = await errorOf(Device.open({ backend }));
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ tried: [backend] });
    expect(String(error)).toMatch(/no WebGPU adapter answered \(tried: \w+.*\); `npm run setup` installs/);
  });
});

test('a base device uses no optional feature and no raised limit', async () => {
  using base = await Device.open({ features: 'base' });
  expect(base.traits).toMatchObject({ minSubgroupSize: 0, timestamps: false });
  const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize } = base.gpu.limits;
  expect([maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize]).toEqual([8, 16384]);
  expect(base.gpu.limits.maxStorageBufferBindingSize).toBe(128 * 2 ** 20);
});

test.each(['software', 'gpu'] as const)(
  'a device sums in the order of the class %s where it is asked to',
  async (reduction) => {
    using forced = await Device.open({ reduction });
    expect(forced.traits).toEqual({ ...device.traits, reduction });
    expect(forced.identity).toEqual({ ...device.identity, reduction });
  },
);

test('a device sums in the order of its own kind of adapter, and no other class is accepted', async () => {
  expect(device.traits.reduction).toBe(device.traits.isSoftware ? 'software' : 'gpu');
  const open = () => Reflect.apply(Device.open, Device, [{ reduction: 'cpu' }]);
  await expect(open).rejects.toThrow('reduction is "cpu", expected one of software, gpu');
});

describe('buffers', () => {
  test('are counted until they are destroyed, and all gone after close, which may be called twice', async () => {
    const other = await Device.open();
    const first = other.createBuffer({ label: 'first', size: 64, usage: STORAGE });
    other.createBuffer({ label: 'second', size: 16, usage: STORAGE });
    expect([other.liveBuffers, other.liveBytes]).toEqual([2, 80]);
    other.destroyBuffer(first);
    other.destroyBuffer(first);
    expect([other.liveBuffers, other.liveBytes]).toEqual([1, 16]);
    other.close();
    other.close();
    expect([other.liveBuffers, other.liveBytes]).toEqual([0, 0]);
  });

  test('beyond the limit are refused with both numbers', () => {
    const limit = device.gpu.limits.maxBufferSize;
    const create = () => device.createBuffer({ label: 'kv.0', size: limit + 4, usage: STORAGE });
    expect(create).toThrow(new GpuError('kv.0', `buffer of ${limit + 4} bytes, the adapter's largest is ${limit}`));
    expect(device.liveBuffers).toBe(0);
  });
});

describe('an error', () => {
  const wrongLayout = { label: 'wrong', entries: [0, 0].map((binding) => ({ binding, visibility: 4, buffer: {} })) };

  test('inside `checked` is thrown there, with the label and in one line, and nowhere else', async () => {
    const error = await errorOf(device.checked('layout', () => device.gpu.createBindGroupLayout(wrongLayout)));
    expect(error).toBeInstanceOf(GpuError);
    expect(String(error)).toMatch(/^GpuError: layout: .*binding index \(0\)/);
    expect(String(error)).not.toContain('\n');
    expect(() => device.throwIfFailed()).not.toThrow();
  });

  test('of one of two checked calls side by side is thrown by that one', async () => {
    const outcomes = await Promise.allSettled([
      device.checked('right', async () => {
        await Promise.resolve();
        return 'right';
      }),
      device.checked('wrong', () => device.gpu.createBindGroupLayout(wrongLayout)),
      device.checked('right too', () => 'right too'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('that the checked calls throw themselves is passed on', async () => {
    const mine = new RangeError('mine');
    const throwing = () => {
      throw mine;
    };
    expect(await errorOf(device.checked('throws', throwing))).toBe(mine);
    expect(await errorOf(device.checked('rejects', () => Promise.reject(mine)))).toBe(mine);
    expect(() => device.throwIfFailed()).not.toThrow();
  });

  test.each([1, 2, 3, 100])(
    'outside is thrown by the next call and by no other, of %i errors the first',
    async (count) => {
      const tensor = Tensor.from(device, 'x', [1, 2]);
      for (let n = 0; n < count; n++) device.gpu.createBindGroupLayout(wrongLayout);
      const [first, second] = await Promise.all([errorOf(tensor.read()), errorOf(tensor.read())]);
      expect(first).toBeInstanceOf(GpuError);
      expect(first).toMatchObject({ numOthers: count - 1 });
      expect(String(first)).toMatch(/binding index \(0\)/);
      expect(String(first).includes(`(and ${count - 1} more)`)).toBe(count > 1);
      expect(second).toBeNull();
      await gatherRows.build(device);
      tensor.close();
    },
  );

  test('of a write past the API costs one call each time, whatever runs beside it', async () => {
    const tensor = Tensor.from(device, 'x', [1, 2]);
    const victim = Tensor.from(device, 'y', [3, 4]);
    for (let n = 0; n < 3; n++) {
      const pending = victim.read();
      device.gpu.queue.writeBuffer(tensor.range.buffer, 1024, new Uint8Array(4));
      expect(await pending).toEqual(Float32Array.of(3, 4));
      expect(await errorOf(tensor.read())).toBeInstanceOf(GpuError);
      expect(await tensor.read()).toEqual(Float32Array.of(1, 2));
    }
    tensor.close();
    victim.close();
  });

  test('of calls that are done when they return is thrown to them', () => {
    const wrong = () => device.gpu.createBindGroupLayout(wrongLayout);
    expect(() => device.attempt('layout', wrong)).toThrow(/^layout: .*binding index \(0\)/);
    const nested = () => device.attempt('outer', () => [1, 2].map((n) => device.attempt(`inner ${n}`, wrong)));
    expect(nested).toThrow(/^inner 1: /);
    const throwing = () => {
      throw new RangeError('mine');
    };
    expect(() => device.attempt('layout', throwing)).toThrow('mine');
    expect(device.attempt('layout', () => 7)).toBe(7);
    expect(() => device.throwIfFailed()).not.toThrow();
  });

  test('of a bind group is thrown to its call, and the bind group is not kept', async () => {
    const { bindGroupLayout } = await gatherRows.build(device);
    const params = Uint32Array.of(1);
    const hold = () => device.bindGroups.hold({ label: 'wrong', bindGroupLayout, ranges: [], params });
    const { size } = device.bindGroups;
    expect(hold).toThrow(/^wrong: /);
    expect(hold).toThrow(/^wrong: /);
    expect(device.bindGroups.size).toBe(size);
  });

  test('of a buffer is thrown by its creation, and the buffer is not counted', () => {
    expect(() => device.createBuffer({ label: 'both', size: 4, usage: 0x1 | 0x2 })).toThrow(/^both: /);
    expect(device.liveBuffers).toBe(0);
  });

  test('of a map is no loss of the device', async () => {
    const staging = device.createBuffer({ label: 'staging', size: 4, usage: 0x1 | 0x8 });
    const pending = [errorOf(device.map(staging, 4)), errorOf(device.map(staging, 4))];
    device.destroyBuffer(staging);
    for (const error of pending) expect(await error).toBeInstanceOf(GpuError);
    expect(() => device.throwIfFailed()).not.toThrow();
  });
});

describe('when a device is lost', () => {
  test('reads that are pending and those that follow fail with DeviceLostError', async () => {
    using other = await Device.open();
    const tensor = Tensor.create(other, 'x', 'f32', [2 ** 20]);
    const pending = [tensor.read(), tensor.read()];
    other.gpu.destroy();
    for (const read of pending) expect(await errorOf(read)).toBeInstanceOf(DeviceLostError);
    const error = await errorOf(tensor.read());
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error).toMatchObject({ reason: 'destroyed' });
    expect(await errorOf(gatherRows.build(other))).toBe(error);
  });

  test('by close, too', async () => {
    const other = await Device.open();
    const tensor = Tensor.create(other, 'x', 'f32', [2 ** 20]);
    const pending = tensor.read();
    other.close();
    const error = await errorOf(pending);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(String(error)).toContain('(closed)');
    expect(await errorOf(tensor.read())).toBe(error);
    expect(other.liveBuffers).toBe(0);
  });

  test('no tensor can be made on it, and no kernel run', async () => {
    const other = await Device.open();
    const x = Tensor.create(other, 'x', 'f32', [1, 1]);
    const rows = Tensor.create(other, 'rows', 'i32', [1]);
    const out = Tensor.create(other, 'out', 'f32', [1, 1]);
    other.close();
    expect(() => Tensor.create(other, 'y', 'f32', [1])).toThrow(DeviceLostError);
    expect(() => Tensor.from(other, 'y', [1])).toThrow(DeviceLostError);
    expect(await errorOf(gatherRows.run(other, { x, rows, out }, {}))).toBeInstanceOf(DeviceLostError);
    expect(other.liveBuffers).toBe(0);
  });
});
