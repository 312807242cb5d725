// Tensors own their buffers, and parts of one share it: only the owner frees memory on the GPU.

import { RangeValueError } from '../util/errors.ts';
import { roundUp } from '../util/math.ts';
import { quote } from '../util/quote.ts';
import type { BoundRange } from './bound-operands.ts';
import { checkDevice } from './check-device.ts';
import type { Device } from './device.ts';
import { TensorError } from './errors.ts';
import { BufferUsage } from './flags.ts';
import { checkLent, type WrapOptions } from './lent-buffer.ts';
import {
  checkDType,
  checkShape,
  type DType,
  dtypeOf,
  elementBytes,
  numElements,
  type TensorData,
  type TensorSource,
  toData,
  toTypedArray,
} from './tensor-data.ts';

export type { DType, TensorData, TensorSource, WrapOptions };

const WORD = 4;

/** Place of a tensor: bytes of a buffer on a device. */
interface Place {
  readonly device: Device;
  readonly range: BoundRange;
}

/**
 * An array on the GPU with a shape. Others may share its buffer from the start: a `view` binds its own bytes alone, a
 * `prefix` those of the owner, so that a kernel's bind group does not depend on how many rows of a scratch tensor are in
 * use.
 */
export class Tensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Null for a tensor that is a shape alone. */
  readonly #place: Place | null;
  /** Hold on the buffer: its own to destroy, lent to be given back, or none. */
  #holds: 'own' | 'lent' | 'none';
  /**
   * End of the elements that the buffer holds for any tensor, in bytes from the start; the rest of their word is
   * padding.
   */
  readonly #end: number;

  private constructor(
    place: Place | null,
    label: string,
    dtype: DType,
    shape: readonly number[],
    holds: 'own' | 'lent' | 'none',
    end: number = numElements(shape) * elementBytes(dtype),
  ) {
    this.#place = place;
    this.label = label;
    this.dtype = dtype;
    this.shape = [...shape];
    this.#holds = holds;
    this.#end = end;
  }

  /**
   * A new tensor of zeros. It takes whole words, and an empty one a word too: WebGPU binds no empty range.
   *
   * @throws TensorError for an unknown element type and a size that is no natural number; RangeValueError for a label that
   * is no text; GpuError beyond the adapter's largest buffer.
   */
  static create(device: Device, label: string, dtype: DType, shape: readonly number[]): Tensor {
    const tensor = Tensor.reserve(device, label, dtype, shape);
    device.attempt(label, () => {
      const encoder = device.gpu.createCommandEncoder({ label });
      encoder.clearBuffer(tensor.range.buffer);
      device.gpu.queue.submit([encoder.finish()]);
    });
    return tensor;
  }

  /**
   * A new tensor that holds whatever its memory held. A software adapter takes that memory from the host as it is written.
   *
   * @throws as `create`.
   */
  static reserve(device: Device, label: string, dtype: DType, shape: readonly number[]): Tensor {
    checkDevice(device);
    if (typeof label !== 'string') throw new RangeValueError('label of a tensor', label, 'a text');
    checkDType(label, dtype);
    checkShape(label, shape);
    const size = numBytes(dtype, shape);
    const buffer = device.createBuffer({
      label,
      size,
      usage: BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST,
    });
    return new Tensor({ device, range: { buffer, offset: 0, size } }, label, dtype, shape, 'own');
  }

  /**
   * A new tensor with the given contents. The element type is the array's; numbers, in an array or a Float64Array, become
   * f32; a Uint16Array holds the bits of f16.
   *
   * @param shape one dimension where absent.
   * @throws TensorError for other data, a number that f32 can't hold, and unless the data fill the shape; as `create`.
   */
  static from(device: Device, label: string, source: TensorSource, shape?: readonly number[]): Tensor {
    const data = toData(label, source, 'f32');
    const sizes = shape ?? [data.length];
    checkShape(label, sizes);
    if (numElements(sizes) !== data.length) {
      throw new TensorError(label, `${data.length} elements, expected ${numElements(sizes)} for [${sizes}]`);
    }
    const tensor = Tensor.create(device, label, dtypeOf(data), sizes);
    tensor.write(data);
    return tensor;
  }

  /**
   * A tensor over a buffer that was made elsewhere, on the same GPUDevice, such as the output of another library. The
   * buffer stays the caller's: `close` lets go of it and does not destroy it. Close the tensor before the buffer is destroyed
   * or mapped.
   *
   * @param buffer usage STORAGE, COPY_SRC and COPY_DST; not mapped.
   * @param options `offset` in bytes, a multiple of the adapter's minStorageBufferOffsetAlignment, 0 when absent; `label`, the
   * buffer's when absent.
   * @throws RangeValueError for an unknown option, a device that is none, or a value of another type; TensorError for another
   * buffer, offset or element type, and a shape that the buffer does not hold; GpuError for a buffer of another GPUDevice,
   * where the implementation says so at once.
   *
   * @example x / 2 in a buffer of one's own
   * ```ts
   * import { defineKernel, openDevice, Tensor, write } from 'roseinfer/kernels';
   *
   * const halve = defineKernel({
   *   name: 'halve',
   *   source:
   *     '@group(0) @binding(0) var<storage, read_write> x: array<f32>;' +
   *     '@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {' +
   *     '  if (id.x < arrayLength(&x)) { x[id.x] = x[id.x] / 2.0; } }',
   *   bindings: { x: write('N') },
   *   workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
   * });
   * using device = await openDevice(); // or openDevice({ gpu }) of one's own
   * const usage = 0x80 | 0x04 | 0x08; // STORAGE, COPY_SRC, COPY_DST
   * const buffer = device.gpu.createBuffer({ size: 12, usage });
   * device.gpu.queue.writeBuffer(buffer, 0, new Float32Array([1, 2, 3]));
   * using x = Tensor.wrap(device, buffer, 'f32', [3]);
   * await halve.run(device, { x }, {});
   * console.log(await x.readF32());
   * ```
   */
  static wrap(
    device: Device,
    buffer: GPUBuffer,
    dtype: DType,
    shape: readonly number[],
    options: WrapOptions = {},
  ): Tensor {
    const { label, offset } = checkLent(device, buffer, options);
    checkDType(label, dtype);
    checkShape(label, shape);
    const size = numBytes(dtype, shape);
    if (offset + size > buffer.size) {
      const rest = `${Math.max(buffer.size - offset, 0)} bytes of the buffer's ${buffer.size}`;
      throw new TensorError(label, `${rest} are behind offset ${offset}, expected ${size} for ${dtype}[${shape}]`);
    }
    device.borrowBuffer(label, buffer);
    return new Tensor({ device, range: { buffer, offset, size } }, label, dtype, shape, 'lent');
  }

  /**
   * A tensor over part of a buffer that someone else owns and frees, e.g. a region of the step's metadata.
   *
   * @param range its offset is a multiple of the adapter's storage offset alignment; at least as large as the shape needs.
   * @throws TensorError for a range that can't be bound or is too small; as `create`.
   *
   * @internal
   */
  static overRange(device: Device, label: string, dtype: DType, shape: readonly number[], range: BoundRange): Tensor {
    checkDType(label, dtype);
    checkShape(label, shape);
    const { buffer, offset, size } = range;
    const alignment = device.gpu.limits.minStorageBufferOffsetAlignment;
    const isInside = offset >= 0 && size % WORD === 0 && offset + size <= buffer.size;
    if (!(offset % alignment === 0 && isInside && size >= numBytes(dtype, shape))) {
      const expected = `an offset of a multiple of ${alignment} and at least the ${numBytes(dtype, shape)} of ${dtype}[${shape}]`;
      throw new TensorError(
        label,
        `range is bytes [${offset}, ${offset + size}) of ${buffer.size}, expected ${expected}`,
      );
    }
    return new Tensor({ device, range }, label, dtype, shape, 'none');
  }

  /**
   * A tensor that is a shape alone, for listing what a model would run: it has no device, takes no memory, and can't be
   * bound, written or read.
   *
   * @throws TensorError as `create`.
   *
   * @internal
   */
  static meta(label: string, dtype: DType, shape: readonly number[]): Tensor {
    checkDType(label, dtype);
    checkShape(label, shape);
    return new Tensor(null, label, dtype, shape, 'none');
  }

  /**
   * The bytes that a kernel binds, and that `arrayLength` counts.
   *
   * @throws TensorError for a tensor that is a shape alone.
   *
   * @internal
   */
  get range(): BoundRange {
    return this.#placed.range;
  }

  /** Number of elements. */
  get length(): number {
    return numElements(this.shape);
  }

  /**
   * The first elements under another shape, and perhaps as another element type (f16 pairs as u32 words); owns nothing. A
   * kernel binds these elements alone, so that `arrayLength` counts them (in whole words).
   *
   * @throws TensorError when the view is larger, or its shape or type is none.
   */
  view(shape: readonly number[], dtype: DType = this.dtype): Tensor {
    checkDType(this.label, dtype);
    checkShape(this.label, shape);
    const place = this.#place && { ...this.#place, range: { ...this.#place.range, size: numBytes(dtype, shape) } };
    return this.#part(shape, dtype, place);
  }

  /**
   * The first elements under another shape, as `view`, but a kernel binds all that this tensor binds: its bind group is the
   * same for any number of rows. For kernels that take their sizes from shapes, not from `arrayLength`.
   *
   * @throws as `view`.
   */
  prefix(shape: readonly number[]): Tensor {
    checkShape(this.label, shape);
    return this.#part(shape, this.dtype, this.#place);
  }

  /**
   * The first elements of row `index` of dimension 0 under another shape; a kernel binds the row. For rows whose bytes are a multiple
   * of the adapter's storage offset alignment.
   *
   * @throws TensorError when the row has fewer elements, or there is none.
   *
   * @internal
   */
  row(index: number, shape: readonly number[]): Tensor {
    checkShape(this.label, shape);
    const [numRows = 0, ...rest] = this.shape;
    if (!(Number.isSafeInteger(index) && index >= 0 && index < numRows && numElements(shape) <= numElements(rest))) {
      const found = `row ${quote(index)} as [${shape}]`;
      throw new TensorError(this.label, `${found}, expected a row of [${this.shape}] and at most its elements`);
    }
    const size = numBytes(this.dtype, rest);
    const range = (whole: BoundRange) => ({ ...whole, offset: whole.offset + index * size, size });
    const place = this.#place && { ...this.#place, range: range(this.#place.range) };
    return new Tensor(place, this.label, this.dtype, shape, 'none');
  }

  #part(shape: readonly number[], dtype: DType, place: Place | null): Tensor {
    const bytes = elementBytes(dtype);
    // A pair of f16 that lacks its second half is a word, too.
    if (numElements(shape) * bytes > roundUp(this.length * elementBytes(this.dtype), bytes)) {
      const as = dtype === this.dtype ? '' : ` as ${dtype}`;
      throw new TensorError(
        this.label,
        `view [${shape}]${as} has ${numElements(shape)} elements, the tensor [${this.shape}]`,
      );
    }
    return new Tensor(place, this.label, dtype, shape, 'none', this.#end);
  }

  /**
   * Overwrites elements from `start` on. Numbers are converted to the tensor's type. WebGPU writes whole words: f16 starts at
   * an even element, and an odd number of them ends the tensor.
   *
   * @throws TensorError for another element type, a number that the type can't hold, data beyond the end, a torn word, or a
   * tensor that was closed.
   */
  write(source: TensorSource, start = 0): void {
    const data = toData(this.label, source, this.dtype);
    const bytes = start * data.BYTES_PER_ELEMENT;
    const whole = bytes % WORD === 0 && (data.byteLength % WORD === 0 || bytes + data.byteLength === this.#end);
    const isInside = Number.isSafeInteger(start) && start >= 0 && start + data.length <= this.length;
    if (dtypeOf(data) !== this.dtype || !whole || !isInside) {
      const got = `${dtypeOf(data)}[${data.length}] at ${quote(start)}`;
      throw new TensorError(this.label, `write of ${got}, the tensor is ${this.dtype}[${this.shape}]`);
    }
    this.#checkLive();
    const { buffer, offset } = this.range;
    const { device } = this.#placed;
    device.attempt(this.label, () => device.gpu.queue.writeBuffer(buffer, offset + bytes, wholeWords(data)));
  }

  /**
   * Waits for all work submitted so far and copies the elements to the host.
   *
   * @throws TensorError when the tensor was closed; DeviceLostError, and the first GpuError that was not thrown yet.
   */
  async read(): Promise<TensorData> {
    const { device } = this.#placed;
    device.throwIfFailed();
    this.#checkLive();
    const size = numBytes(this.dtype, this.shape);
    const label = `${this.label} (read)`;
    const staging = device.createBuffer({ label, size, usage: BufferUsage.MAP_READ | BufferUsage.COPY_DST });
    try {
      device.attempt(label, () => {
        const encoder = device.gpu.createCommandEncoder({ label });
        encoder.copyBufferToBuffer(this.range.buffer, this.range.offset, staging, 0, size);
        device.gpu.queue.submit([encoder.finish()]);
      });
      const bytes = await device.map(staging, size);
      return toTypedArray(bytes.slice(0), this.dtype).subarray(0, this.length);
    } finally {
      device.destroyBuffer(staging);
    }
  }

  /** `read` for a tensor that must hold f32. @throws TensorError when it holds another type; as `read`. */
  async readF32(): Promise<Float32Array> {
    const data = await this.read();
    if (data instanceof Float32Array) return data;
    throw new TensorError(this.label, `read as f32, the tensor is ${this.dtype}`);
  }

  /**
   * Frees the buffer and the bind groups that hold it, and of a wrapped buffer the latter alone; on a view it does nothing;
   * idempotent.
   */
  close(): void {
    const holds = this.#holds;
    this.#holds = 'none';
    if (holds === 'own') this.#placed.device.destroyBuffer(this.range.buffer);
    else if (holds === 'lent') this.#placed.device.returnBuffer(this.range.buffer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #placed(): Place {
    if (this.#place) return this.#place;
    throw new TensorError(this.label, 'the tensor is a shape alone');
  }

  #checkLive(): void {
    const { device, range } = this.#placed;
    if (!device.isLive(range.buffer)) throw new TensorError(this.label, 'the tensor was closed');
  }
}

/** Bytes that it takes: whole words, and one where it is empty. */
function numBytes(dtype: DType, shape: readonly number[]): number {
  return roundUp(Math.max(numElements(shape), 1) * elementBytes(dtype), WORD);
}

/** The bytes of the data, zeros after an odd number of f16. */
function wholeWords(data: TensorData): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length % WORD === 0) return bytes;
  const padded = new Uint8Array(roundUp(bytes.length, WORD));
  padded.set(bytes);
  return padded;
}
