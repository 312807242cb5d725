// Results come back through staging buffers that take turns, so that a step need not wait for the readback of the last.
import type { Device } from './device.ts';
import { BufferUsage } from './flags.ts';
import type { Tensor } from './tensor.ts';

/** A tensor's first bytes, to be copied to the host. */
export interface ReadbackPart {
  readonly tensor: Tensor;
  /** Bytes, a multiple of 4; 0 costs no call. */
  readonly size: number;
}

/**
 * Staging buffers that bring a step's small results to the host. A buffer is free again once its bytes have been copied
 * out; a new one is made only while more readbacks are pending than ever before.
 */
export class ReadbackRing {
  readonly #device: Device;
  readonly #label: string;
  readonly #bytes: number;
  readonly #free: GPUBuffer[] = [];
  readonly #all = new Set<GPUBuffer>();

  /** @param bytes most that one readback takes. */
  constructor(device: Device, label: string, bytes: number) {
    this.#device = device;
    this.#label = label;
    this.#bytes = bytes;
  }

  /**
   * Encodes the copies after what the encoder holds, and submits it all.
   *
   * @returns one ArrayBuffer a part; it rejects with DeviceLostError when the device goes away.
   * @throws GpuError when the driver refuses something, or has no room.
   */
  submit(encoder: GPUCommandEncoder, parts: readonly ReadbackPart[]): Promise<ArrayBuffer[]> {
    const staging = this.#free.pop() ?? this.#create();
    let end = 0;
    try {
      this.#device.attempt(this.#label, () => {
        for (const { tensor, size } of parts) {
          if (size === 0) continue;
          encoder.copyBufferToBuffer(tensor.range.buffer, tensor.range.offset, staging, end, size);
          end += size;
        }
        this.#device.gpu.queue.submit([encoder.finish()]);
      });
    } catch (error) {
      this.#discard(staging);
      throw error;
    }
    return this.#read(staging, parts, end);
  }

  /** Frees the staging buffers; idempotent. */
  close(): void {
    for (const buffer of this.#all) this.#device.destroyBuffer(buffer);
  }

  async #read(staging: GPUBuffer, parts: readonly ReadbackPart[], end: number): Promise<ArrayBuffer[]> {
    let bytes: ArrayBuffer;
    try {
      bytes = await this.#device.map(staging, end);
    } catch (error) {
      this.#discard(staging);
      throw error;
    }
    let start = 0;
    const copies = parts.map(({ size }) => {
      start += size;
      return bytes.slice(start - size, start);
    });
    staging.unmap();
    this.#free.push(staging);
    return copies;
  }

  /** Frees a buffer in an unknown state. */
  #discard(buffer: GPUBuffer): void {
    this.#all.delete(buffer);
    this.#device.destroyBuffer(buffer);
  }

  #create(): GPUBuffer {
    const label = `${this.#label} staging ${this.#all.size}`;
    const usage = BufferUsage.MAP_READ | BufferUsage.COPY_DST;
    const buffer = this.#device.createBuffer({ label, size: this.#bytes, usage });
    this.#all.add(buffer);
    return buffer;
  }
}
