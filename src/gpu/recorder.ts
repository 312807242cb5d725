import type { Device } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import type { Kernel } from './kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from './kernel-spec.ts';
import { Program } from './program.ts';

/** Collects checked dispatches into a Program. */
export class Recorder {
  readonly #device: Device;
  readonly #dispatches: Dispatch[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** Adds one dispatch; see Kernel.dispatch for what is checked. */
  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
  ): this {
    this.#dispatches.push(kernel.dispatch(this.#device, tensors, scalars, choice));
    return this;
  }

  /** The dispatches so far; those added later are not among them. */
  finish(label: string): Program {
    return new Program(this.#device, label, [...this.#dispatches]);
  }
}
