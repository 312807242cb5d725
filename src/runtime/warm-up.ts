// What a model runs before its first request: drivers may put compiling off until a pipeline is first dispatched, and that
// request would wait for it. All of it is padding, which the cache keeps nothing of.
import type { Device } from '../gpu/device.ts';
import type { Dispatch } from '../gpu/dispatch.ts';
import { Program } from '../gpu/program.ts';
import { labelOf } from '../gpu/variant-label.ts';
import type { StepSink } from '../models/step.ts';
import { type ReachableSteps, stepShapes } from './compile-forward.ts';
import { forward } from './forward.ts';
import type { ModelParts } from './model-parts.ts';

/** Told how many kernel variants have run, and of how many; what it throws ends the warm-up. */
export type WarmUpProgress = (numDone: number, numVariants: number) => void;

/**
 * Runs one workgroup of every kernel variant that some step of the model can reach, one after another, on padding.
 *
 * @throws GpuError when the driver refuses something; DeviceLostError; what `onProgress` throws.
 */
export async function runVariants(
  device: Device,
  parts: ModelParts,
  reachable: ReachableSteps,
  onProgress: WarmUpProgress = () => {},
): Promise<void> {
  const { inputs, scratch } = parts;
  const dispatches = distinctDispatches(device, parts, reachable);
  inputs.writePadding();
  for (const [index, dispatch] of dispatches.entries()) {
    onProgress(index, dispatches.length);
    device.attempt('warm-up', () => {
      using program = new Program(device, `warm-up of ${dispatch.label}`, [{ ...dispatch, workgroups: [1, 1, 1] }]);
      program.submit();
    });
    // Its arrival says that the variant has run.
    await scratch.nextTokens.read();
  }
  onProgress(dispatches.length, dispatches.length);
}

/** The first dispatch of each variant. */
function distinctDispatches(device: Device, parts: ModelParts, reachable: ReachableSteps): Dispatch[] {
  const dispatches = new Map<string, Dispatch>();
  const collector: StepSink = {
    add(kernel, tensors, scalars, choice) {
      const label = labelOf(kernel.name, kernel.variant(device.traits, kernel.choiceFor(tensors, choice)));
      if (!dispatches.has(label)) dispatches.set(label, kernel.dispatch(device, tensors, scalars, choice));
    },
  };
  for (const shape of stepShapes(reachable)) forward(collector, parts, shape);
  return [...dispatches.values()];
}
