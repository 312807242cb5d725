// The KV cache on the GPU. Its blocks are handed out by src/kv, which knows no GPU.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { ModelConfig } from '../models/config.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import type { TensorEntry } from './tensor-table.ts';

/** Lists the tensors of a KV cache: one [B, 2, G, P, W] a layer, W words a row. */
export function kvCacheTensors({ numLayers, numKVHeads, headDim }: ModelConfig, sizes: RuntimeSizes): TensorEntry[] {
  const { numBlocks, blockSize, kvDtype } = sizes;
  const shape = [numBlocks, 2, numKVHeads, blockSize, kvRowWords(headDim, kvDtype)];
  return Array.from({ length: numLayers }, (_, l) => ({ label: `kv.${l}`, dtype: 'u32', shape }));
}

/**
 * Keys and values of all layers on the GPU, in blocks. Slots that were never written may hold anything, even NaN, and are
 * not read.
 */
export class KVCache {
  readonly layers: readonly Tensor[];
  readonly dtype: KVDType;

  /** @throws GpuError when the adapter has no room; nothing is left on the device then. */
  constructor(device: Device, config: ModelConfig, sizes: RuntimeSizes) {
    this.dtype = sizes.kvDtype;
    using made = new DisposableStack();
    this.layers = kvCacheTensors(config, sizes).map(({ label, dtype, shape }) =>
      made.use(Tensor.reserve(device, label, dtype, shape)),
    );
    made.move();
  }

  /** Idempotent. */
  close(): void {
    for (const layer of this.layers) layer.close();
  }
}
