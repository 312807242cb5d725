import type { Device } from '../gpu/device.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import type { GPT2Kernels } from '../models/gpt2/kernels.ts';

/** What is examined: a model's kernels at its shapes, on a device. */
export interface Subject {
  readonly device: Device;
  readonly kernels: GPT2Kernels;
  readonly config: GPT2Config;
  /** Storage of the weight matrices. */
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
}
