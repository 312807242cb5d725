import type { Device } from './device.ts';
import { BufferUsage } from './flags.ts';
import type { PollGovernor } from './poll-governor.ts';
import type { Tensor } from './tensor.ts';

/** A tensor's first bytes, to be copied to the host. */
export interface ReadbackPart {
  readonly tensor: Tensor;
  /** Bytes, a multiple of 4. */
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
  readonly #governor: PollGovernor | null;
  readonly #free: GPUBuffer[] = [];
  readonly #all: GPUBuffer[] = [];

  /** @param bytes most that one readback takes. */
  constructor(device: Device, label: string, bytes: number, governor: PollGovernor | null = null) {
    this.#device = device;
    this.#label = label;
    this.#bytes = bytes;
    this.#governor = governor;
  }

  /**
   * Encodes the copies, and returns what to call after the submit: it resolves to one ArrayBuffer a part.
   *
   * @throws (from the returned call) DeviceLostError or GpuError when the work or the device failed.
   */
  encode(encoder: GPUCommandEncoder, parts: readonly ReadbackPart[]): () => Promise<ArrayBuffer[]> {
    const staging = this.#free.pop() ?? this.#create();
    let end = 0;
    for (const { tensor, size } of parts) {
      encoder.copyBufferToBuffer(tensor.range.buffer, tensor.range.offset, staging, end, size);
      end += size;
    }
    return () => this.#read(staging, parts, end);
  }

  /** Frees the staging buffers; idempotent. */
  close(): void {
    for (const buffer of this.#all) this.#device.destroyBuffer(buffer);
  }

  async #read(staging: GPUBuffer, parts: readonly ReadbackPart[], end: number): Promise<ArrayBuffer[]> {
    this.#governor?.begin();
    const mapped = this.#device.map(staging, end);
    const bytes = await mapped.finally(() => this.#governor?.end());
    let start = 0;
    const copies = parts.map(({ size }) => {
      start += size;
      return bytes.slice(start - size, start);
    });
    staging.unmap();
    this.#free.push(staging);
    return copies;
  }

  #create(): GPUBuffer {
    const label = `${this.#label} staging ${this.#all.length}`;
    const usage = BufferUsage.MAP_READ | BufferUsage.COPY_DST;
    const buffer = this.#device.createBuffer({ label, size: this.#bytes, usage });
    this.#all.push(buffer);
    return buffer;
  }
}
