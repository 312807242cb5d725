import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { ModelConfig } from '../models/config.ts';

/** Size of a KV cache. */
export interface KVCacheSizes {
  /** B */
  readonly numBlocks: number;
  /** P, tokens per block */
  readonly blockSize: number;
  readonly kvDtype: KVDType;
}

/**
 * Keys and values of all layers on the GPU, in blocks: one tensor [B, 2, H, P, W] a layer, W words a row. Slots that were
 * never written hold anything, NaN too, and nothing reads them.
 */
export class KVCache {
  readonly layers: readonly Tensor[];
  readonly dtype: KVDType;

  constructor(device: Device, { numLayers, numHeads, headDim }: ModelConfig, sizes: KVCacheSizes) {
    const { numBlocks, blockSize, kvDtype } = sizes;
    const shape = [numBlocks, 2, numHeads, blockSize, kvRowWords(headDim, kvDtype)];
    this.dtype = kvDtype;
    this.layers = Array.from({ length: numLayers }, (_, l) => Tensor.reserve(device, `kv.${l}`, 'u32', shape));
  }

  /** Idempotent. */
  close(): void {
    for (const layer of this.layers) layer.close();
  }
}
