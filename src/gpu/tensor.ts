import { roundUp } from '../util/math.ts';
import type { BoundRange } from './bind-group-cache.ts';
import type { Device } from './device.ts';
import { KernelError } from './errors.ts';
import { BufferUsage } from './flags.ts';

/** Element type of a tensor as WGSL sees it; packed storage (f16 pairs) is `u32`. */
export type DType = 'f32' | 'i32' | 'u32';

/** Typed array of an element type. */
export type TensorData = Float32Array | Int32Array | Uint32Array;

const BYTES_PER_ELEMENT = 4;

/**
 * An array on the GPU with a shape. A view shares its owner's buffer and binds the same bytes, so that a kernel's bind
 * group does not depend on how many rows of a scratch tensor are in use.
 */
export class Tensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The bytes that a kernel binds: those of the owner. */
  readonly range: BoundRange;
  readonly #device: Device;
  readonly #owner: Tensor | null;

  private constructor(
    device: Device,
    label: string,
    dtype: DType,
    shape: readonly number[],
    range: BoundRange,
    owner: Tensor | null,
  ) {
    this.#device = device;
    this.label = label;
    this.dtype = dtype;
    this.shape = shape;
    this.range = range;
    this.#owner = owner;
  }

  /** A new tensor of zeros. An empty shape or a zero in it still takes four bytes: WebGPU binds no empty range. */
  static create(device: Device, label: string, dtype: DType, shape: readonly number[]): Tensor {
    const size = Math.max(elements(shape), 1) * BYTES_PER_ELEMENT;
    const buffer = device.createBuffer({
      label,
      size,
      usage: BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST,
    });
    return new Tensor(device, label, dtype, shape, { buffer, offset: 0, size }, null);
  }

  /** A new tensor with the given contents; the element type is the array's. */
  static from(device: Device, label: string, data: TensorData, shape: readonly number[] = [data.length]): Tensor {
    const tensor = Tensor.create(device, label, dtypeOf(data), shape);
    tensor.write(data);
    return tensor;
  }

  /**
   * A tensor over part of a buffer that someone else owns, e.g. a region of the step's metadata.
   *
   * @param offset bytes, a multiple of the adapter's storage offset alignment.
   */
  static overRange(device: Device, label: string, dtype: DType, shape: readonly number[], range: BoundRange): Tensor {
    return new Tensor(device, label, dtype, shape, range, null);
  }

  /** Number of elements. */
  get length(): number {
    return elements(this.shape);
  }

  /** The same bytes under another shape of at most as many elements; owns nothing. */
  view(shape: readonly number[]): Tensor {
    if (elements(shape) * BYTES_PER_ELEMENT > this.range.size) {
      throw new KernelError(this.label, `view [${shape}] has ${elements(shape)} elements, the tensor [${this.shape}]`);
    }
    return new Tensor(this.#device, this.label, this.dtype, shape, this.range, this.#owner ?? this);
  }

  /** Overwrites elements from `start` on. */
  write(data: TensorData, start = 0): void {
    if (dtypeOf(data) !== this.dtype || start + data.length > Math.max(this.length, 1)) {
      const got = `${dtypeOf(data)}[${data.length}] at ${start}`;
      throw new KernelError(this.label, `write of ${got}, the tensor is ${this.dtype}[${this.shape}]`);
    }
    const { buffer, offset } = this.range;
    this.#device.gpu.queue.writeBuffer(buffer, offset + start * BYTES_PER_ELEMENT, data);
  }

  /** Waits for all work submitted so far and copies the elements to the host. */
  async read(): Promise<TensorData> {
    const device = this.#device;
    device.throwIfFailed();
    const size = roundUp(Math.max(this.length, 1) * BYTES_PER_ELEMENT, 4);
    const label = `${this.label} (read)`;
    const staging = device.createBuffer({ label, size, usage: BufferUsage.MAP_READ | BufferUsage.COPY_DST });
    try {
      const encoder = device.gpu.createCommandEncoder({ label });
      encoder.copyBufferToBuffer(this.range.buffer, this.range.offset, staging, 0, size);
      device.gpu.queue.submit([encoder.finish()]);
      const bytes = await device.map(staging, size);
      return toTypedArray(bytes.slice(0), this.dtype).subarray(0, this.length);
    } finally {
      device.destroyBuffer(staging);
    }
  }

  /** `read` for a tensor that must hold f32. */
  async readF32(): Promise<Float32Array> {
    const data = await this.read();
    if (data instanceof Float32Array) return data;
    throw new KernelError(this.label, `read as f32, the tensor is ${this.dtype}`);
  }

  /** Frees the buffer; on a view it does nothing; idempotent. */
  close(): void {
    if (this.#owner === null) this.#device.destroyBuffer(this.range.buffer);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return 'f32';
  return data instanceof Int32Array ? 'i32' : 'u32';
}

function toTypedArray(bytes: ArrayBuffer, dtype: DType): TensorData {
  switch (dtype) {
    case 'f32':
      return new Float32Array(bytes);
    case 'i32':
      return new Int32Array(bytes);
    case 'u32':
      return new Uint32Array(bytes);
  }
}
