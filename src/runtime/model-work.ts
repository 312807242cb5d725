// Work of a model of some sizes, listed before anything of it is made: tuner and doctor take their kernels and sizes from it.
import type { Device } from '../gpu/device.ts';
import { ModelWork } from '../kernels/examination.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import { type ModelKernels, modelKernels } from '../models/kernels.ts';
import { Tuning } from '../tuning/tuning.ts';
import type { ForwardParts } from './forward.ts';
import { listDispatches } from './list-dispatches.ts';
import { metaParts } from './meta-parts.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { stepShapes } from './step-shape.ts';

/**
 * Lists every dispatch that some step of a model can have on a device.
 *
 * @param tuning choices of variants; those that nothing was measured for when absent.
 * @throws KernelError where the model and a kernel do not fit.
 */
export function modelWork(
  device: Device,
  model: ModelDefinition,
  sizes: RuntimeSizes,
  kernels: ModelKernels = modelKernels,
  tuning: Tuning = new Tuning(device.traits),
): ModelWork {
  const parts = partsOf(device, model, sizes, kernels, tuning);
  return new ModelWork(Object.values(kernels), listDispatches(device.traits, parts, stepShapes(sizes)));
}

/** Makes the parts of a model on a device as shapes, with the variants that nothing was measured for. */
export function untunedParts(
  device: Device,
  model: ModelDefinition,
  sizes: RuntimeSizes,
  kernels: ModelKernels = modelKernels,
): ForwardParts {
  return partsOf(device, model, sizes, kernels, new Tuning(device.traits));
}

function partsOf(
  device: Device,
  model: ModelDefinition,
  sizes: RuntimeSizes,
  kernels: ModelKernels,
  tuning: Tuning,
): ForwardParts {
  const { maxStorageBufferBindingSize: maxBindingBytes } = device.gpu.limits;
  return metaParts({ model, sizes, maxBindingBytes, kernels, tuning });
}
