// Warm-up of a model before its first request: drivers may put compiling off until a pipeline is first dispatched, and that
// request would wait for it. It runs on padding, of which the cache keeps nothing.
import type { Device } from '../gpu/device.ts';
import type { Dispatch } from '../gpu/dispatch.ts';
import { Program } from '../gpu/program.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { StepSink } from '../models/step.ts';
import { forward } from './forward.ts';
import type { ModelParts } from './model-parts.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { stepShapes } from './step-shape.ts';

/** Callback with the number of variants that have run, and of all; what it throws ends the warm-up. */
export type WarmUpProgress = (numDone: number, numVariants: number) => void;

/**
 * Runs one workgroup of every kernel variant that some step of the model can reach, one after another, on padding.
 *
 * @throws GpuError when the driver refuses something; DeviceLostError; what `onProgress` throws.
 */
export async function runVariants(
  device: Device,
  parts: ModelParts,
  sizes: RuntimeSizes,
  onProgress: WarmUpProgress = () => {},
): Promise<void> {
  const { inputs, scratch } = parts;
  const dispatches = distinctDispatches(device, parts, sizes);
  inputs.writePadding();
  for (const [index, dispatch] of dispatches.entries()) {
    onProgress(index, dispatches.length);
    device.attempt('warm-up', () => {
      using program = new Program(device, `warm-up of ${dispatch.label}`, [{ ...dispatch, workgroups: [1, 1, 1] }]);
      program.submit();
    });
    // The arrival of the bytes says that the variant has run.
    await scratch.nextTokens.read();
  }
  onProgress(dispatches.length, dispatches.length);
}

/** Makes the first dispatch of each variant. */
function distinctDispatches(device: Device, parts: ModelParts, sizes: RuntimeSizes): Dispatch[] {
  const dispatches = new Map<string, Dispatch>();
  const collector: StepSink = {
    add(kernel, tensors, scalars, choice) {
      const label = labelOf(kernel.name, kernel.variant(device.traits, kernel.choiceFor(tensors, choice)));
      if (!dispatches.has(label)) dispatches.set(label, kernel.dispatch(device, tensors, scalars, choice));
    },
  };
  for (const shape of stepShapes(sizes)) forward(collector, parts, shape);
  return [...dispatches.values()];
}
