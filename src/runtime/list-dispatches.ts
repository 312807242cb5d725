// The model lists its own work: an interpreter of the forward pass that solves each dispatch and runs none, so that what
// tunes, compiles, checks or times kernels need not know which of them a model has, nor their sizes.
import type { DeviceTraits } from '../gpu/device.ts';
import type { Kernel, SolvedDispatch } from '../gpu/kernel.ts';
import type { StepShape, StepSink } from '../models/step.ts';
import { type ForwardParts, forward } from './forward.ts';

/** A dispatch that some step has. */
export interface ListedDispatch extends SolvedDispatch {
  readonly kernel: Kernel;
  /** Its place in the model, such as `LM head`; null for a kernel that has one place only. */
  readonly use: string | null;
}

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
): readonly ListedDispatch[] {
  const listed = new Map<string, ListedDispatch>();
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
