import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterEach(() => expect(device.liveBuffers).toBe(0));
afterAll(() => device.close());

describe('a tensor', () => {
  test.each([
    { dtype: 'f32', data: Float32Array.of(1.5, -0, Number.NaN, 3e38) },
    { dtype: 'i32', data: Int32Array.of(-1, 0, 2 ** 31 - 1, -(2 ** 31)) },
    { dtype: 'u32', data: Uint32Array.of(2 ** 32 - 1, 0, 0x7fc0dead, 7) },
  ])('of $dtype gives back what it was made from', async ({ dtype, data }) => {
    using tensor = Tensor.from(device, 'x', data, [2, 2]);
    expect(tensor).toMatchObject({ dtype, shape: [2, 2], length: 4 });
    expect(await tensor.read()).toEqual(data);
  });

  test('starts as zeros, and may be written in part', async () => {
    using tensor = Tensor.create(device, 'x', 'i32', [5]);
    tensor.write(Int32Array.of(7, 8), 2);
    expect(await tensor.read()).toEqual(Int32Array.of(0, 0, 7, 8, 0));
  });

  test('may be empty', async () => {
    using tensor = Tensor.from(device, 'x', new Float32Array(0), [0, 3]);
    expect(tensor.length).toBe(0);
    expect(await tensor.read()).toEqual(new Float32Array(0));
  });

  test('refuses data of another type or beyond its end', () => {
    using tensor = Tensor.create(device, 'x', 'f32', [2, 3]);
    expect(() => tensor.write(Int32Array.of(1))).toThrow('x: write of i32[1] at 0, the tensor is f32[2,3]');
    expect(() => tensor.write(new Float32Array(5), 2)).toThrow('x: write of f32[5] at 2, the tensor is f32[2,3]');
  });

  test('read as f32 must hold f32', async () => {
    using tensor = Tensor.create(device, 'x', 'u32', [2]);
    await expect(tensor.readF32()).rejects.toThrow(new KernelError('x', 'read as f32, the tensor is u32'));
  });

  test('may be closed twice', () => {
    const tensor = Tensor.create(device, 'x', 'u32', [2]);
    tensor.close();
    tensor.close();
  });
});

describe('a view', () => {
  test('binds and reads the bytes of its owner, which alone frees them', async () => {
    using tensor = Tensor.from(device, 'x', Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    const view = tensor.view([2, 2]);
    expect(view.range).toBe(tensor.range);
    expect(view.view([4]).range).toBe(tensor.range);
    expect(await view.readF32()).toEqual(Float32Array.of(1, 2, 3, 4));
    view.close();
    expect(device.liveBuffers).toBe(1);
  });

  test('may not be larger', () => {
    using tensor = Tensor.create(device, 'x', 'f32', [3, 2]);
    expect(() => tensor.view([7])).toThrow('x: view [7] has 7 elements, the tensor [3,2]');
  });
});

test('a tensor over a range reads and writes that part of the buffer', async () => {
  using owner = Tensor.from(
    device,
    'metadata',
    Int32Array.from({ length: 130 }, (_, i) => i),
  );
  const { buffer } = owner.range;
  const part = Tensor.overRange(device, 'part', 'i32', [2], { buffer, offset: 256, size: 8 });
  expect(await part.read()).toEqual(Int32Array.of(64, 65));
  part.write(Int32Array.of(-1), 1);
  const all = await owner.read();
  expect([...all.subarray(63, 67)]).toEqual([63, 64, -1, 66]);
});
