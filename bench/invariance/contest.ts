// A contest: a kernel of the library against controls on the same operands. A control that is wrong would be no measure, so each
// is compared with the kernel before any is timed.
import type { Device } from '../../src/gpu/device.ts';
import type { Dispatch } from '../../src/gpu/dispatch.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { ChoiceOf, Cost, KernelSpec, ScalarsOf, TensorsOf } from '../../src/gpu/kernel-spec.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { compareOutputs } from '../../src/timing/outputs.ts';
import type { PreparedWork } from '../../src/timing/work.ts';

/** Dispatches that compute an output together. */
export interface Contestant {
  /** Kernels and their sizes. */
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

/** A kernel of the library and its controls, over operands on the device. */
export interface Contest {
  readonly ours: Contestant;
  readonly controls: readonly Contestant[];
  /** Work of one run, the same for all. */
  readonly cost: Cost;
  /** Output of all. */
  readonly out: Tensor;
  /** Largest difference between two right results in each element of the output. */
  readonly tolerance: (element: number) => number;
}

/** Builds a variant and makes a dispatch of it. @throws KernelError and GpuError, as `Kernel.run`. */
export async function dispatchOf<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  tensors: TensorsOf<S>,
  scalars: ScalarsOf<S>,
  choice?: ChoiceOf<S>,
): Promise<Dispatch> {
  await kernel.build(device, kernel.choiceFor(tensors, choice));
  return kernel.dispatch(device, tensors, scalars, choice);
}

/** Makes what is compared and timed of a contest: ours, then the controls. */
export function worksOf({ ours, controls, cost, out }: Contest): readonly PreparedWork[] {
  return [ours, ...controls].map(({ name, dispatches }) => ({ name, label: name, dispatches, cost, outputs: { out } }));
}

/** Compares the output of every control with ours. @throws OutputMismatchError that names a control, an element and both values. */
export async function checkControls(device: Device, contest: Contest): Promise<void> {
  await compareOutputs(device, worksOf(contest), { bound: contest.tolerance, start: 'nan' });
}
