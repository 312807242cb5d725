// Dispatches are checked as they are added, so that an error points to the call; what was not built by then is built at the
// end.
import { checkDevice } from './check-device.ts';
import type { Device } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import type { Kernel } from './kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from './kernel-spec.ts';
import { Program } from './program.ts';

/** Collects checked dispatches into a Program. */
export class Recorder {
  readonly #device: Device;
  readonly #builds: (() => Promise<unknown>)[] = [];
  readonly #dispatches: (() => Dispatch)[] = [];

  constructor(device: Device) {
    checkDevice(device);
    this.#device = device;
  }

  /** Adds one dispatch; see Kernel.dispatch for what is checked. */
  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
  ): this {
    const plan = kernel.plan(this.#device, tensors, scalars, choice);
    this.#builds.push(() => kernel.build(this.#device, kernel.choiceFor(tensors, choice)));
    this.#dispatches.push(() => kernel.bind(this.#device, plan));
    return this;
  }

  /**
   * Builds the variants that are not built yet, side by side, and makes a program of the dispatches so far; those added later
   * are not among them.
   *
   * @throws KernelError and GpuError, as `Kernel.build`; DeviceLostError.
   */
  async finish(label: string): Promise<Program> {
    const dispatches = [...this.#dispatches];
    await Promise.all(this.#builds.map((build) => build()));
    return new Program(
      this.#device,
      label,
      dispatches.map((bind) => bind()),
    );
  }

  /**
   * Makes a program of the dispatches so far at once, where all their variants were built before: nothing compiles.
   *
   * @throws KernelError that names a variant that was not built.
   */
  finishBuilt(label: string): Program {
    return new Program(
      this.#device,
      label,
      this.#dispatches.map((bind) => bind()),
    );
  }
}
