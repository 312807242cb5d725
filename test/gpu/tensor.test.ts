// Tensors: the bytes that are written are the bytes that are read, views own nothing, and wrong values are refused by
// name.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { TensorError } from '../../src/gpu/errors.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterEach(() => expect(device.liveBuffers).toBe(0));
afterAll(() => device.close());

/** y = 2 · x over as many elements as are bound. */
const twice = defineKernel({
  name: 'twice',
  source: `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { y[id.x] = 2 * x[id.x]; }
}`,
  bindings: { x: read('N'), y: write('N') },
  workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
  cost: ({ N }) => ({ bytes: 8 * N, flops: N }),
});

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

  test('starts as zeros where another one lay before', async () => {
    const size = 2 ** 18;
    for (let n = 0; n < 3; n++) {
      using before = Tensor.from(device, 'before', new Float32Array(size).fill(Number.NaN));
      await before.read();
      before.close();
      using after = Tensor.create(device, 'after', 'f32', [size]);
      expect((await after.readF32()).every((value) => value === 0)).toBe(true);
    }
  });

  test('that is only reserved takes no memory of the host before it is written, one of zeros does', async () => {
    const [count, rows] = [8, 2 ** 23];
    using twos = Tensor.from(device, 'twos', [2, 2, 2]);
    /** Bytes that the process takes for `count` tensors of which kernels write three elements each. */
    const growth = async (make: (label: string) => Tensor): Promise<number> => {
      const before = process.memoryUsage.rss();
      using owned = new DisposableStack();
      for (let n = 0; n < count; n++) {
        const tensor = owned.use(make(`y${n}`));
        await twice.run(device, { x: twos, y: tensor.view([3]) }, {});
        expect(await tensor.view([3]).read()).toEqual(Float32Array.of(4, 4, 4));
      }
      return process.memoryUsage.rss() - before;
    };
    const bytes = 4 * count * rows;
    expect(await growth((label) => Tensor.reserve(device, label, 'f32', [rows]))).toBeLessThan(bytes / 4);
    const ofZeros = await growth((label) => Tensor.create(device, label, 'f32', [rows]));
    if (device.traits.isSoftware) expect(ofZeros).toBeGreaterThan(bytes / 2);
  });

  test('is made of plain numbers as f32, or of a typed array as its own type', async () => {
    using made = Tensor.from(device, 'x', [1, 0.1, -3, 4], [2, 2]);
    expect(await made.read()).toEqual(Float32Array.of(1, 0.1, -3, 4));
    for (const [dtype, want] of [
      ['f32', Float32Array.of(7, -2)],
      ['f16', Float16Array.of(7, -2)],
      ['i32', Int32Array.of(7, -2)],
      ['u32', Uint32Array.of(7, 2 ** 32 - 2)],
    ] as const) {
      using tensor = Tensor.create(device, 'x', dtype, [2]);
      tensor.write(Array.from(want));
      expect(await tensor.read()).toEqual(want);
      tensor.write(Float64Array.from(want, (value) => value + 1 - 1));
      expect(await tensor.read()).toEqual(want);
    }
  });

  test('of a Float64Array is f32', async () => {
    using tensor = Tensor.from(device, 'x', Float64Array.of(0.1, Number.NaN, Number.NEGATIVE_INFINITY, 1e-60));
    expect(tensor.dtype).toBe('f32');
    expect(await tensor.read()).toEqual(Float32Array.of(0.1, Number.NaN, Number.NEGATIVE_INFINITY, 0));
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

  test('refuses a shape that its data do not fill', () => {
    expect(() => Tensor.from(device, 'x', [1, 2, 3], [2, 2])).toThrow('x: 3 elements, expected 4 for [2,2]');
  });

  test('that was closed can neither be read nor written, and the device stays sound', async () => {
    const tensor = Tensor.create(device, 'x', 'f32', [2]);
    const view = tensor.view([1]);
    tensor.close();
    for (const closed of [tensor, view]) {
      expect(() => closed.write([1])).toThrow(new TensorError('x', 'the tensor was closed'));
      await expect(closed.read()).rejects.toThrow(new TensorError('x', 'the tensor was closed'));
    }
    expect(() => device.throwIfFailed()).not.toThrow();
  });

  test('read as f32 must hold f32', async () => {
    using tensor = Tensor.create(device, 'x', 'u32', [2]);
    await expect(tensor.readF32()).rejects.toThrow(new TensorError('x', 'read as f32, the tensor is u32'));
  });

  test('may be closed twice', () => {
    const tensor = Tensor.create(device, 'x', 'u32', [2]);
    tensor.close();
    tensor.close();
  });
});

describe('a view', () => {
  test('reads the bytes of its owner, which alone frees them', async () => {
    using tensor = Tensor.from(device, 'x', Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    const view = tensor.view([2, 2]);
    expect(await view.readF32()).toEqual(Float32Array.of(1, 2, 3, 4));
    view.close();
    expect(device.liveBuffers).toBe(1);
  });

  test('may not be larger', () => {
    using tensor = Tensor.create(device, 'x', 'f32', [3, 2]);
    expect(() => tensor.view([7])).toThrow('x: view [7] has 7 elements, the tensor [3,2]');
    expect(() => tensor.view([13], 'f16')).toThrow('x: view [13] as f16 has 13 elements, the tensor [3,2]');
    expect(() => tensor.view([2]).view([3])).toThrow('x: view [3] has 3 elements, the tensor [2]');
    using odd = Tensor.from(device, 'x', Float16Array.of(1, 2, 3));
    expect(() => odd.view([4])).toThrow('x: view [4] has 4 elements, the tensor [3]');
    expect(odd.view([2], 'u32').length).toBe(2);
    expect(() => odd.view([3], 'u32')).toThrow('x: view [3] as u32 has 3 elements, the tensor [3]');
    using empty = Tensor.create(device, 'x', 'f32', [0]);
    expect(() => empty.view([1])).toThrow('x: view [1] has 1 elements, the tensor [0]');
    expect(() => tensor.prefix([2]).prefix([3])).toThrow('x: view [3] has 3 elements, the tensor [2]');
    expect(() => tensor.prefix([7])).toThrow('x: view [7] has 7 elements, the tensor [3,2]');
  });

  test('binds its own bytes, and a prefix those of its owner', () => {
    using tensor = Tensor.create(device, 'x', 'f32', [100]);
    expect(tensor.view([10]).range).toEqual({ ...tensor.range, size: 40 });
    expect(tensor.view([5], 'f16').range).toEqual({ ...tensor.range, size: 12 });
    expect(tensor.view([0]).range).toEqual({ ...tensor.range, size: 4 });
    expect(tensor.prefix([10]).range).toBe(tensor.range);
    expect(tensor.prefix([20]).prefix([10]).range).toBe(tensor.range);
    expect(tensor.prefix([10]).view([4]).range.size).toBe(16);
  });

  test('is all that a shader sees with arrayLength', async () => {
    using x = Tensor.from(device, 'x', new Float32Array(100).fill(1));
    using y = Tensor.create(device, 'y', 'f32', [100]);
    await twice.run(device, { x: x.view([10]), y: y.view([10]) }, {});
    expect(await y.read()).toEqual(new Float32Array(100).fill(2, 0, 10));
    await twice.run(device, { x, y }, {});
    expect(await y.read()).toEqual(new Float32Array(100).fill(2));
  });

  test('of an odd number of f16 is written without a neighbour of its last', async () => {
    using tensor = Tensor.from(device, 'x', Float16Array.of(1, 2, 3, 4, 5));
    expect(() => tensor.view([3]).write([7, 8, 9])).toThrow('x: write of f16[3] at 0, the tensor is f16[3]');
    tensor.view([2]).write([7, 8]);
    expect(await tensor.view([3]).read()).toEqual(Float16Array.of(7, 8, 3));
    tensor.view([5, 1]).write([0, 0, 0, 0, 9]);
    expect(await tensor.read()).toEqual(Float16Array.of(0, 0, 0, 0, 9));
  });
});

describe('a value that TypeScript would not let pass is refused by name:', () => {
  const sparse = [1, 2, 3];
  delete sparse[1];
  const sources =
    'expected a Float32Array, Float16Array (or its bits, a Uint16Array), Int32Array, Uint32Array, or numbers';
  test.each([
    [new Int8Array(4), `x: data are an object of class Int8Array, ${sources}`],
    [new Uint8Array(4), `x: data are an object of class Uint8Array, ${sources}`],
    [Buffer.from('1234'), `x: data are an object of class Buffer, ${sources}`],
    [new Uint8ClampedArray(4), `x: data are an object of class Uint8ClampedArray, ${sources}`],
    [new Int16Array(4), `x: data are an object of class Int16Array, ${sources}`],
    [new BigInt64Array(4), `x: data are an object of class BigInt64Array, ${sources}`],
    [new BigUint64Array(4), `x: data are an object of class BigUint64Array, ${sources}`],
    [new ArrayBuffer(4), `x: data are an object of class ArrayBuffer, ${sources}`],
    [new DataView(new ArrayBuffer(4)), `x: data are an object of class DataView, ${sources}`],
    [{ length: 2, 0: 1, 1: 2 }, `x: data are an object, ${sources}`],
    ['12', `x: data are "12", ${sources}`],
    [undefined, `x: data are undefined, ${sources}`],
    [null, `x: data are null, ${sources}`],
    [7, `x: data are 7, ${sources}`],
    [sparse, 'x: element 1 is undefined, expected a number'],
    [['a'], 'x: element 0 is "a", expected a number'],
    [[1, null], 'x: element 1 is null, expected a number'],
    [[1n], 'x: element 0 is 1, expected a number'],
    [
      [
        [1, 2],
        [3, 4],
      ],
      'x: element 0 is [1, 2], expected a number',
    ],
    [[1e39], 'x: element 0 is 1e+39, beyond f32'],
    [Float64Array.of(0, -1e39), 'x: element 1 is -1e+39, beyond f32'],
  ])('data %o', (data, message) => {
    expect(() => Reflect.apply(Tensor.from, Tensor, [device, 'x', data])).toThrow(
      new TensorError('x', message.slice(3)),
    );
    using tensor = Tensor.create(device, 'x', 'f32', [2]);
    expect(() => Reflect.apply(tensor.write, tensor, [data])).toThrow(new TensorError('x', message.slice(3)));
  });

  test.each([
    ['i32', 1.5],
    ['i32', 2 ** 31],
    ['i32', Number.NaN],
    ['u32', -1],
    ['u32', 2 ** 40],
    ['u32', 0.5],
    ['u32', Number.POSITIVE_INFINITY],
    ['f16', 65520],
    ['f32', 3.5e38],
  ] as const)('a number that %s can not hold, %d', (dtype, value) => {
    using tensor = Tensor.create(device, 'x', dtype, [2]);
    expect(() => tensor.write([0, value])).toThrow(`x: element 1 is ${value}, beyond ${dtype}`);
  });

  test.each(['float32', 'bf16', 'F32', '', undefined, null, 3, 'toString'])('the element type %o', (dtype) => {
    expect(() => Reflect.apply(Tensor.create, Tensor, [device, 'x', dtype, [2]])).toThrow(
      /^x: dtype is .*, expected one of f32, f16, i32, u32$/,
    );
    using tensor = Tensor.create(device, 'x', 'f32', [2]);
    // An absent type is the tensor's own.
    if (dtype === undefined) return;
    expect(() => Reflect.apply(tensor.view, tensor, [[1], dtype])).toThrow(/^x: dtype is /);
  });

  test.each([
    [[2, 1.5]],
    [[-1]],
    [[Number.NaN]],
    [[Number.POSITIVE_INFINITY]],
    [['2']],
    [[2 ** 30, 2 ** 30]],
    [Array(2)],
    [4],
    ['4'],
    [{ length: 1, 0: 4 }],
    [null],
  ])('the shape %o', (shape) => {
    const message = /^x: shape is .*, expected natural numbers of a product below 2\^53$/;
    expect(() => Reflect.apply(Tensor.create, Tensor, [device, 'x', 'f32', shape])).toThrow(message);
    using tensor = Tensor.create(device, 'x', 'f32', [2]);
    expect(() => Reflect.apply(tensor.view, tensor, [shape])).toThrow(message);
    expect(() => Reflect.apply(tensor.prefix, tensor, [shape])).toThrow(message);
    const { range } = tensor;
    expect(() => Reflect.apply(Tensor.overRange, Tensor, [device, 'x', 'f32', shape, range])).toThrow(message);
  });

  test.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, '1', 2 ** 53, 2])('a write at %o', (start) => {
    using tensor = Tensor.create(device, 'x', 'f32', [2]);
    expect(() => Reflect.apply(tensor.write, tensor, [[1], start])).toThrow(/^x: write of f32\[1\] at .*, the tensor/);
  });

  test.each([5, undefined, null])('the label %o', (label) => {
    expect(() => Reflect.apply(Tensor.create, Tensor, [device, label, 'f32', [2]])).toThrow(
      `label of a tensor is ${label}, expected a text`,
    );
  });

  test.each([
    { offset: 4, size: 8 },
    { offset: 0, size: 4 },
    { offset: 0, size: 9 },
    { offset: 256, size: 512 },
    { offset: -256, size: 8 },
    { offset: Number.NaN, size: 8 },
  ])('bytes from $offset, $size of them, for two elements', ({ offset, size }) => {
    using tensor = Tensor.create(device, 'x', 'f32', [128]);
    const { buffer } = tensor.range;
    expect(() => Tensor.overRange(device, 'part', 'f32', [2], { buffer, offset, size })).toThrow(
      /^part: range is bytes \[.*\) of 512, expected an offset of a multiple of \d+ and at least the 8 of f32\[2\]$/,
    );
  });

  test('a shape that is changed afterwards changes no tensor', () => {
    const shape = [2, 3];
    using tensor = Tensor.create(device, 'x', 'f32', shape);
    shape[0] = 9;
    expect(tensor.shape).toEqual([2, 3]);
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
