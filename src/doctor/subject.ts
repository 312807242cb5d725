// Subject of the doctor: what every check is given.
import type { Device } from '../gpu/device.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import type { CacheShape } from '../kernels/kv-write/paged-cache.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import type { ModelConfig } from '../models/config.ts';
import type { ModelKernels } from '../models/kernels.ts';
import { DEFAULT_BLOCK_SIZE } from '../runtime/runner-sizes.ts';

/** Examined model: its kernels at its shapes, on a device. */
export interface Subject {
  readonly device: Device;
  readonly kernels: ModelKernels;
  readonly config: ModelConfig;
  /** Storage of the weight matrices. */
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
}

/** Shape of a KV cache of some blocks. */
export function cacheShape({ numHeads: H, headDim: D }: ModelConfig, dtype: KVDType, numBlocks: number): CacheShape {
  return { numBlocks, H, P: DEFAULT_BLOCK_SIZE, D, dtype };
}
