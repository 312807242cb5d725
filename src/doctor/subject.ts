// Subject of the doctor: the model whose kernels are examined, without weights.
import type { Device } from '../gpu/device.ts';
import { ModelWork } from '../kernels/examination.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { ModelKernels } from '../models/kernels.ts';
import { reachableSteps, stepShapes } from '../runtime/compile-forward.ts';
import { listDispatches } from '../runtime/list-dispatches.ts';
import { metaParts } from '../runtime/meta-parts.ts';
import { resolveSizes } from '../runtime/runner-sizes.ts';
import { Tuning } from '../tuning/tuning.ts';

/** Examined model: its kernels at its shapes, on a device. */
export interface Subject {
  readonly device: Device;
  readonly kernels: ModelKernels;
  readonly model: ModelDefinition;
  /** Storage of the weight matrices. */
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
}

/** Lists what the model runs in the steps that a runner of default sizes can reach. */
export function workOf({ device, kernels, model, dtype, kvDtype }: Subject): ModelWork {
  const { maxStorageBufferBindingSize: maxBindingBytes } = device.gpu.limits;
  const sizes = resolveSizes(model.config, { kvDtype }, dtype, maxBindingBytes);
  const parts = metaParts({ model, sizes, maxBindingBytes, kernels, tuning: new Tuning(device.traits) });
  const dispatches = listDispatches(device.traits, parts, stepShapes(reachableSteps(sizes)));
  return new ModelWork(Object.values(kernels), dispatches);
}
