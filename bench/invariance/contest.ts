// A contest: a kernel of the library against controls on the same operands. A control that is wrong would be no measure, so each
// is compared with the kernel before any is timed.
import type { Device } from '../../src/gpu/device.ts';
import type { Dispatch } from '../../src/gpu/dispatch.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { ChoiceOf, Cost, KernelSpec, ScalarsOf, TensorsOf } from '../../src/gpu/kernel-spec.ts';
import { Program } from '../../src/gpu/program.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';

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

/**
 * Compares the output of every control with ours.
 *
 * @throws KernelError that names a control, an element and both values where they differ by more than the tolerance; the
 * signal's reason.
 */
export async function checkControls(
  device: Device,
  { ours, controls, out, tolerance }: Contest,
  signal: AbortSignal,
): Promise<void> {
  const expected = await outputOf(device, ours, out);
  for (const control of controls) {
    signal.throwIfAborted();
    const found = await outputOf(device, control, out);
    const wrong = found.findIndex((value, i) => !(Math.abs(value - expected[i]!) <= tolerance(i)));
    if (wrong === -1) continue;
    const limit = `expected at most ${tolerance(wrong)} from ${expected[wrong]} of ${ours.name}`;
    throw new KernelError(control.name, `element ${wrong} is ${found[wrong]}, ${limit}`);
  }
}

async function outputOf(device: Device, { name, dispatches }: Contestant, out: Tensor): Promise<Float32Array> {
  // An element that is left out stays NaN, which is within no tolerance.
  out.write(new Float32Array(out.length).fill(Number.NaN));
  await device.checked(name, () => {
    using program = new Program(device, name, dispatches);
    program.submit();
  });
  return out.readF32();
}
