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
    { dtype: 'f16', data: Float16Array.of(0.1, -0, Number.NaN, 65504) },
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

  test('is made of plain numbers, as f32 or as what it already is', async () => {
    using made = Tensor.from(device, 'x', [1, 0.1, -3, 4], [2, 2]);
    expect(await made.read()).toEqual(Float32Array.of(1, 0.1, -3, 4));
    for (const [dtype, want] of [
      ['f32', Float32Array.of(7, -2)],
      ['f16', Float16Array.of(7, -2)],
      ['i32', Int32Array.of(7, -2)],
      ['u32', Uint32Array.of(7, 2 ** 32 - 2)],
    ] as const) {
      using tensor = Tensor.create(device, 'x', dtype, [2]);
      tensor.write([7, -2]);
      expect(await tensor.read()).toEqual(want);
    }
  });

  test('of f16 is made of its bits, too, and lies two to a word, the first in the low half', async () => {
    const halves = Float16Array.of(1.5, -2, 0.25);
    using tensor = Tensor.from(device, 'x', new Uint16Array(halves.buffer), [3, 1]);
    expect(tensor).toMatchObject({ dtype: 'f16', shape: [3, 1] });
    expect(device.liveBytes).toBe(8);
    expect(await tensor.read()).toEqual(halves);
    expect(await tensor.view([2], 'u32').read()).toEqual(Uint32Array.of(0xc000_3e00, 0x3400));
  });

  test('of f16 is written in whole words', async () => {
    using tensor = Tensor.create(device, 'x', 'f16', [5]);
    tensor.write([1, 2], 2);
    tensor.write([5], 4);
    expect(await tensor.read()).toEqual(Float16Array.of(0, 0, 1, 2, 5));
    expect(() => tensor.write([1, 2], 1)).toThrow('x: write of f16[2] at 1, the tensor is f16[5]');
    expect(() => tensor.write([1], 2)).toThrow('x: write of f16[1] at 2, the tensor is f16[5]');
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

  test('refuses a shape that its data do not fill, and one that is none', () => {
    expect(() => Tensor.from(device, 'x', [1, 2, 3], [2, 2])).toThrow('x: 3 elements, expected 4 for [2,2]');
    expect(() => Tensor.create(device, 'x', 'f32', [2, 1.5])).toThrow('x: shape is [2,1.5], expected natural numbers');
  });

  test('that was closed can neither be read nor written, and the device stays sound', async () => {
    const tensor = Tensor.create(device, 'x', 'f32', [2]);
    const view = tensor.view([1]);
    tensor.close();
    for (const closed of [tensor, view]) {
      expect(() => closed.write([1])).toThrow(new KernelError('x', 'the tensor was closed'));
      await expect(closed.read()).rejects.toThrow(new KernelError('x', 'the tensor was closed'));
    }
    expect(() => device.throwIfFailed()).not.toThrow();
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
    expect(() => tensor.view([13], 'f16')).toThrow('x: view [13] as f16 has 13 elements, the tensor [3,2]');
  });
});

test('a tensor over a range reads and writes that part of the buffer and does not free it', async () => {
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
  part.close();
  expect(device.liveBuffers).toBe(1);
});
