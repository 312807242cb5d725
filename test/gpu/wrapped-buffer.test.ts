// Tensors over buffers that were made elsewhere: they bind, read and write them, and leave them to their owner.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { GpuError, KernelError, TensorError } from '../../src/gpu/errors.ts';
import { BufferUsage } from '../../src/gpu/flags.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';

const USAGE = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
const devices = new TestDevices();
let device: Device;
let buffer: GPUBuffer;
beforeEach(() => {
  device = devices.auto;
  buffer = device.gpu.createBuffer({ label: 'theirs', size: 1024, usage: USAGE });
  // A new buffer may hold what an earlier one left.
  device.gpu.queue.writeBuffer(buffer, 0, new Uint8Array(1024));
});

describe('a tensor over a buffer of the caller', () => {
  test('reads what the caller wrote, and the caller what a kernel wrote', async () => {
    const offset = device.gpu.limits.minStorageBufferOffsetAlignment;
    device.gpu.queue.writeBuffer(buffer, offset, new Float32Array([1, 2, 3, 4]));
    using x = Tensor.from(device, 'x', [5, 6, 7, 8], [2, 2]);
    using rows = Tensor.from(device, 'rows', new Int32Array([1, 0]));
    using out = Tensor.wrap(device, buffer, 'f32', [2, 2], { offset, label: 'out' });
    expect(out).toMatchObject({ label: 'out', dtype: 'f32', shape: [2, 2] });
    expect(await out.readF32()).toEqual(new Float32Array([1, 2, 3, 4]));
    await gatherRows.run(device, { x, rows, out }, {});
    using all = Tensor.wrap(device, buffer, 'f32', [256]);
    const words = await all.readF32();
    expect(words.subarray(offset / 4, offset / 4 + 5)).toEqual(new Float32Array([7, 8, 5, 6, 0]));
    out.write([9], 1);
    expect((await all.readF32())[offset / 4 + 1]).toBe(9);
  });

  test("has the buffer's label, or one that says what it is", () => {
    const unlabelled = device.gpu.createBuffer({ size: 4, usage: USAGE });
    using named = Tensor.wrap(device, buffer, 'u32', [1]);
    using unnamed = Tensor.wrap(device, unlabelled, 'u32', [1]);
    expect([named.label, unnamed.label]).toEqual(['theirs', 'wrapped buffer']);
  });

  test('counts as none of the device, and leaves the buffer to its owner', async () => {
    const { liveBuffers, liveBytes } = device;
    const destroy = vi.spyOn(buffer, 'destroy');
    const first = Tensor.wrap(device, buffer, 'f32', [4]);
    const second = Tensor.wrap(device, buffer, 'f32', [4]);
    expect([device.liveBuffers, device.liveBytes]).toEqual([liveBuffers, liveBytes]);
    first.close();
    first.close();
    expect(await second.readF32()).toEqual(new Float32Array(4));
    second.close();
    expect(destroy).not.toHaveBeenCalled();
    await expect(second.read()).rejects.toThrow('theirs: the tensor was closed');
    using rows = Tensor.from(device, 'rows', new Int32Array([0]));
    using out = Tensor.create(device, 'out', 'f32', [1, 4]);
    const x = second.view([1, 4]);
    await expect(gatherRows.run(device, { x, rows, out }, {})).rejects.toThrow(KernelError);
  });

  test('frees its bind groups with the last tensor over the buffer', async () => {
    using rows = Tensor.from(device, 'rows', new Int32Array([0]));
    using out = Tensor.create(device, 'out', 'f32', [1, 4]);
    const { size } = device.bindGroups;
    const x = Tensor.wrap(device, buffer, 'f32', [1, 4]);
    await gatherRows.run(device, { x, rows, out }, {});
    expect(device.bindGroups.size).toBe(size + 1);
    x.close();
    expect(device.bindGroups.size).toBe(size);
  });

  test('keeps an odd number of f16 in whole words', async () => {
    // Dawn knows no Float16Array.
    device.gpu.queue.writeBuffer(buffer, 0, new Float16Array([1, 2, 3, 4]).buffer);
    using halves = Tensor.wrap(device, buffer, 'f16', [3]);
    expect(await halves.read()).toEqual(new Float16Array([1, 2, 3]));
  });
});

const make = (usage: number, size = 1024) => device.gpu.createBuffer({ label: 'b', size, usage });

type Arguments = readonly [device: unknown, buffer: unknown, dtype: unknown, shape: unknown, options?: unknown];
const mistakes: readonly (readonly [
  what: string,
  given: () => Arguments,
  error: new (...args: never) => Error,
  message: string | RegExp,
])[] = [
  [
    'the GPUDevice for the Device',
    () => [device.gpu, buffer, 'f32', [1]],
    RangeValueError,
    'device is an object of class GPUDevice, expected a Device, as await openDevice() gives',
  ],
  [
    'bytes for a buffer',
    () => [device, new ArrayBuffer(4), 'f32', [1]],
    TensorError,
    'wrapped buffer: buffer is an object of class ArrayBuffer, expected a GPUBuffer of usage STORAGE | COPY_SRC | COPY_DST',
  ],
  [
    'nothing for a buffer',
    () => [device, undefined, 'f32', [1]],
    TensorError,
    /^wrapped buffer: buffer is undefined, expected a GPUBuffer/,
  ],
  [
    'a buffer that kernels may not bind',
    () => [device, make(BufferUsage.COPY_SRC | BufferUsage.COPY_DST), 'f32', [1]],
    TensorError,
    /^b: buffer lacks usage STORAGE, expected/,
  ],
  [
    'a buffer that can be neither read nor written',
    () => [device, make(BufferUsage.STORAGE), 'f32', [1]],
    TensorError,
    /^b: buffer lacks usage COPY_SRC \| COPY_DST, expected/,
  ],
  [
    'a buffer that is mapped',
    () => [device, device.gpu.createBuffer({ label: 'b', size: 16, usage: USAGE, mappedAtCreation: true }), 'f32', [1]],
    TensorError,
    'b: buffer is mapped to the host, expected it unmapped: call its unmap() first',
  ],
  [
    'a shape beyond the end',
    () => [device, make(USAGE, 1024), 'f32', [257]],
    TensorError,
    "b: 1024 bytes of the buffer's 1024 are behind offset 0, expected 1028 for f32[257]",
  ],
  [
    'an offset beyond the end',
    () => [device, make(USAGE, 1024), 'f32', [1], { offset: 2048 }],
    TensorError,
    "b: 0 bytes of the buffer's 1024 are behind offset 2048, expected 4 for f32[1]",
  ],
  [
    'an offset that is not aligned',
    () => [device, buffer, 'f32', [1], { offset: 4 }],
    TensorError,
    /^theirs: offset is 4, expected a multiple of the adapter's alignment of \d+ bytes$/,
  ],
  [
    'an offset that is no number',
    () => [device, buffer, 'f32', [1], { offset: '0' }],
    RangeValueError,
    'offset is "0", expected an integer ≥ 0',
  ],
  [
    'a misspelt option',
    () => [device, buffer, 'f32', [1], { ofset: 0 }],
    RangeValueError,
    /^key of options of Tensor\.wrap is "ofset", expected .*\(did you mean "offset"\?\)$/,
  ],
  [
    'an offset for the options',
    () => [device, buffer, 'f32', [1], 256],
    RangeValueError,
    'options of Tensor.wrap is 256, expected an object',
  ],
  ['an unknown element type', () => [device, buffer, 'float32', [1]], TensorError, /^theirs: .*float32/],
  ['a number for the shape', () => [device, buffer, 'f32', 4], TensorError, /^theirs: .*4/],
];

test.each(mistakes)('%s is refused in one line that names what was expected', (_what, given, error, message) => {
  const outcome = () => Reflect.apply(Tensor.wrap, Tensor, given());
  expect(outcome).toThrow(error);
  expect(outcome).toThrow(message);
  expect(outcome).not.toThrow('\n');
});

test('a buffer of another GPUDevice is refused where the implementation says so at once', () => {
  const other = devices.base.gpu.createBuffer({ label: 'other', size: 4, usage: USAGE });
  expect(() => Tensor.wrap(device, other, 'f32', [1])).toThrow(GpuError);
  const gone = make(USAGE);
  gone.destroy();
  expect(() => Tensor.wrap(device, gone, 'f32', [1])).toThrow(/^b: .*destroyed/);
});
