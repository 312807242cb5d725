// Blocks of keys and values outside the pool: copied out of a KV cache, and into it again at any place. Copies are exact, so that a
// text goes on from them with the bits that it would have had.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { KVCache } from './kv-cache.ts';

/** Keys and values of a few blocks, in tensors of their own: one [blocks, 2, G, P, W] a layer. */
export class KVBlocks {
  readonly numBlocks: number;
  readonly bytes: number;
  readonly #device: Device;
  readonly #layers: readonly Tensor[];

  private constructor(device: Device, layers: readonly Tensor[]) {
    this.numBlocks = layers[0]?.shape[0] ?? 0;
    this.bytes = layers.reduce((sum, { range }) => sum + range.size, 0);
    this.#device = device;
    this.#layers = layers;
  }

  /** Copies the first blocks of a cache. @throws GpuError when the adapter has no room; nothing is left on the device then. */
  static async copyOf(device: Device, { layers }: KVCache, numBlocks: number): Promise<KVBlocks> {
    using made = new DisposableStack();
    const blocks = await device.checked(`${numBlocks} blocks of keys and values`, () => {
      const shapes = layers.map(({ label, dtype, shape }) => ({ label, dtype, shape: [numBlocks, ...shape.slice(1)] }));
      const owned = shapes.map(({ label, dtype, shape }) =>
        made.use(Tensor.reserve(device, `${label} (copy)`, dtype, shape)),
      );
      const copies = new KVBlocks(device, owned);
      copies.#copy((layer, of) => ({ from: layers[layer]!.range, to: of.range, size: of.range.size }));
      return copies;
    });
    made.move();
    return blocks;
  }

  /** Copies the first blocks to those of a cache from `firstBlock` on. */
  copyInto({ layers }: KVCache, firstBlock: number, numBlocks: number): void {
    this.#copy((layer, of) => {
      const blockBytes = of.range.size / this.numBlocks;
      const to = layers[layer]!.range;
      const offset = to.offset + firstBlock * blockBytes;
      return { from: of.range, to: { buffer: to.buffer, offset }, size: numBlocks * blockBytes };
    });
  }

  /** Idempotent. */
  close(): void {
    for (const layer of this.#layers) layer.close();
  }

  #copy(
    copyOf: (layer: number, of: Tensor) => { readonly from: Place; readonly to: Place; readonly size: number },
  ): void {
    const { gpu } = this.#device;
    this.#device.attempt('copy of keys and values', () => {
      const encoder = gpu.createCommandEncoder({ label: 'copy of keys and values' });
      for (const [layer, of] of this.#layers.entries()) {
        const { from, to, size } = copyOf(layer, of);
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, size);
      }
      gpu.queue.submit([encoder.finish()]);
    });
  }
}

/** Place in a buffer. */
interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}
