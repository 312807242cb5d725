import { roundUp } from '../util/math.ts';
import type { BoundRange } from './bind-group-cache.ts';
import type { Device } from './device.ts';
import { KernelError } from './errors.ts';
import { BufferUsage } from './flags.ts';

/** Element type of a tensor. f16 lies two to a u32 word, the first in the low half, and is what WGSL sees as u32. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32';

/** Typed array of an element type. */
export type TensorData = Float32Array | Float16Array | Int32Array | Uint32Array;

/** What a tensor is made from: its typed array, the bits of f16 (Uint16Array), or numbers. */
export type TensorSource = TensorData | Uint16Array | readonly number[];

const WORD = 4;

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
  readonly #ownsBuffer: boolean;

  private constructor(
    device: Device,
    label: string,
    dtype: DType,
    shape: readonly number[],
    range: BoundRange,
    ownsBuffer: boolean,
  ) {
    this.#device = device;
    this.label = label;
    this.dtype = dtype;
    this.shape = shape;
    this.range = range;
    this.#ownsBuffer = ownsBuffer;
  }

  /**
   * A new tensor of zeros. It takes whole words, and an empty one a word too: WebGPU binds no empty range.
   *
   * @throws KernelError for a size that is no natural number; GpuError beyond the adapter's largest buffer.
   */
  static create(device: Device, label: string, dtype: DType, shape: readonly number[]): Tensor {
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new KernelError(label, `shape is [${shape}], expected natural numbers`);
    }
    const size = numBytes(dtype, shape);
    const buffer = device.createBuffer({
      label,
      size,
      usage: BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST,
    });
    return new Tensor(device, label, dtype, shape, { buffer, offset: 0, size }, true);
  }

  /**
   * A new tensor with the given contents. The element type is the array's; plain numbers become f32, a Uint16Array holds
   * the bits of f16.
   *
   * @param shape one dimension where absent.
   * @throws KernelError unless the data fill the shape; GpuError beyond the adapter's largest buffer.
   */
  static from(device: Device, label: string, source: TensorSource, shape: readonly number[] = [source.length]): Tensor {
    if (elements(shape) !== source.length) {
      throw new KernelError(label, `${source.length} elements, expected ${elements(shape)} for [${shape}]`);
    }
    const data = toData(source, 'f32');
    const tensor = Tensor.create(device, label, dtypeOf(data), shape);
    tensor.write(data);
    return tensor;
  }

  /**
   * A tensor over part of a buffer that someone else owns and frees, e.g. a region of the step's metadata.
   *
   * @param offset bytes, a multiple of the adapter's storage offset alignment.
   */
  static overRange(device: Device, label: string, dtype: DType, shape: readonly number[], range: BoundRange): Tensor {
    return new Tensor(device, label, dtype, shape, range, false);
  }

  /** Number of elements. */
  get length(): number {
    return elements(this.shape);
  }

  /**
   * The same bytes under another shape of at most as many, and perhaps as another element type (f16 pairs as u32 words);
   * owns nothing.
   *
   * @throws KernelError when the view is larger.
   */
  view(shape: readonly number[], dtype: DType = this.dtype): Tensor {
    if (numBytes(dtype, shape) > this.range.size) {
      const as = dtype === this.dtype ? '' : ` as ${dtype}`;
      throw new KernelError(
        this.label,
        `view [${shape}]${as} has ${elements(shape)} elements, the tensor [${this.shape}]`,
      );
    }
    return new Tensor(this.#device, this.label, dtype, shape, this.range, false);
  }

  /**
   * Overwrites elements from `start` on. Plain numbers are converted to the tensor's type. WebGPU writes whole words: f16
   * starts at an even element, and an odd number of them ends the tensor.
   *
   * @throws KernelError for another element type, data beyond the end, a torn word, or a tensor that was closed.
   */
  write(source: TensorSource, start = 0): void {
    const data = toData(source, this.dtype);
    const bytes = start * data.BYTES_PER_ELEMENT;
    const end = start + data.length;
    const whole = bytes % WORD === 0 && (data.byteLength % WORD === 0 || end === this.length);
    if (dtypeOf(data) !== this.dtype || !whole || end > Math.max(this.length, 1)) {
      const got = `${dtypeOf(data)}[${data.length}] at ${start}`;
      throw new KernelError(this.label, `write of ${got}, the tensor is ${this.dtype}[${this.shape}]`);
    }
    this.#checkLive();
    const { buffer, offset } = this.range;
    const { queue } = this.#device.gpu;
    this.#device.attempt(this.label, () => queue.writeBuffer(buffer, offset + bytes, wholeWords(data)));
  }

  /**
   * Waits for all work submitted so far and copies the elements to the host.
   *
   * @throws KernelError when the tensor was closed; DeviceLostError, and the first GpuError that was not thrown yet.
   */
  async read(): Promise<TensorData> {
    const device = this.#device;
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

  /** `read` for a tensor that must hold f32. @throws KernelError when it holds another type; as `read`. */
  async readF32(): Promise<Float32Array> {
    const data = await this.read();
    if (data instanceof Float32Array) return data;
    throw new KernelError(this.label, `read as f32, the tensor is ${this.dtype}`);
  }

  /** Frees the buffer and the bind groups that hold it; on a view it does nothing; idempotent. */
  close(): void {
    if (this.#ownsBuffer) this.#device.destroyBuffer(this.range.buffer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkLive(): void {
    if (!this.#device.isLive(this.range.buffer)) throw new KernelError(this.label, 'the tensor was closed');
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function numBytes(dtype: DType, shape: readonly number[]): number {
  return roundUp(Math.max(elements(shape), 1) * (dtype === 'f16' ? 2 : WORD), WORD);
}

/** Plain numbers as an array of the given type, f16 bits as f16; typed arrays as they are. */
function toData(source: TensorSource, dtype: DType): TensorData {
  if (source instanceof Uint16Array) return new Float16Array(source.buffer, source.byteOffset, source.length);
  if (!isNumbers(source)) return source;
  switch (dtype) {
    case 'f32':
      return Float32Array.from(source);
    case 'f16':
      return Float16Array.from(source);
    case 'i32':
      return Int32Array.from(source);
    case 'u32':
      return Uint32Array.from(source);
  }
}

function isNumbers(source: TensorSource): source is readonly number[] {
  return Array.isArray(source);
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Float16Array) return 'f16';
  return data instanceof Int32Array ? 'i32' : 'u32';
}

/** The bytes of the data, zeros behind an odd number of f16. */
function wholeWords(data: TensorData): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length % WORD === 0) return bytes;
  const padded = new Uint8Array(roundUp(bytes.length, WORD));
  padded.set(bytes);
  return padded;
}

function toTypedArray(bytes: ArrayBuffer, dtype: DType): TensorData {
  switch (dtype) {
    case 'f32':
      return new Float32Array(bytes);
    case 'f16':
      return new Float16Array(bytes);
    case 'i32':
      return new Int32Array(bytes);
    case 'u32':
      return new Uint32Array(bytes);
  }
}
