// List of the dispatches of a model's steps: an interpreter of the forward pass that solves each dispatch and runs none. Tuner,
// compiler, doctor and kernel benchmark take kernels and sizes from it, and know no model.
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { ModelDispatch } from '../kernels/examination.ts';
import type { StepShape, StepSink } from '../models/step.ts';
import { type ForwardParts, forward } from './forward.ts';

/**
 * Lists every distinct dispatch of some steps of a model, in the order in which they first come.
 *
 * @param parts of a model on a GPU, or `metaParts`.
 * @param shapes the steps, such as `stepShapes` of all that the model can reach.
 * @throws KernelError where the model and a kernel do not fit.
 */
export function listDispatches(
  traits: DeviceTraits,
  parts: ForwardParts,
  shapes: readonly StepShape[],
): readonly ModelDispatch[] {
  const listed = new Map<string, ModelDispatch>();
  const list: StepSink = {
    add(kernel, tensors, scalars, choice, use) {
      const solved = kernel.solve(traits, tensors, scalars, choice);
      const key = JSON.stringify([kernel.name, solved.variant, solved.dims, use]);
      if (!listed.has(key)) listed.set(key, { ...solved, kernel, use: use ?? null });
    },
  };
  for (const shape of shapes) forward(list, parts, shape);
  return [...listed.values()];
}
