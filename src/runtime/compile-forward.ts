// Compilation of what steps can reach: every variant among the dispatches that the model lists.
import type { Device } from '../gpu/device.ts';
import type { ForwardParts } from './forward.ts';
import { listDispatches } from './list-dispatches.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { stepShapes } from './step-shape.ts';

/** Compiles every kernel variant that some step of the model can reach, side by side. */
export async function compileForward(device: Device, parts: ForwardParts, sizes: RuntimeSizes): Promise<void> {
  const listed = listDispatches(device.traits, parts, stepShapes(sizes));
  await Promise.all(listed.map(({ kernel, choice }) => kernel.build(device, choice)));
}
