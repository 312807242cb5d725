// Subject of the doctor: the model whose kernels are examined, without weights.
import type { Device } from '../gpu/device.ts';
import type { ModelWork } from '../kernels/examination.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { ModelKernels } from '../models/kernels.ts';
import type { WeightStorage } from '../models/weight-storage.ts';
import { modelWork } from '../runtime/model-work.ts';
import { resolveSizes } from '../runtime/runtime-sizes.ts';

/** Examined model: its kernels at its shapes, on a device. */
export interface Subject {
  readonly device: Device;
  readonly kernels: ModelKernels;
  readonly model: ModelDefinition;
  /** Storage of the weight matrices. */
  readonly storage: WeightStorage;
  readonly kvDtype: KVDType;
}

/** Lists what the model runs in the steps that a runner of default sizes can reach. */
export function workOf({ device, kernels, model, storage, kvDtype }: Subject): ModelWork {
  const sizes = resolveSizes(model.config, { kvDtype }, storage, device);
  return modelWork(device, model, sizes, kernels);
}
