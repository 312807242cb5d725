// Taps of a step. Variants that only a tap needs were not compiled before: the recorder builds them at the end.
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import type { Program } from '../gpu/program.ts';
import { Recorder } from '../gpu/recorder.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { ModelKernels } from '../models/kernels.ts';
import type { StepSink } from '../models/step.ts';
import { RangeValueError } from '../util/errors.ts';

/** Records a step and keeps the outputs of some of its modules, in tensors that are the caller's. */
export class TappedRecorder implements StepSink {
  /** By module, in the order in which they run. */
  readonly taps = new Map<string, Tensor>();
  readonly #device: Device;
  readonly #recorder: Recorder;
  readonly #gatherRows: ModelKernels['gatherRows'];
  readonly #rows: Tensor;
  readonly #wanted: ReadonlySet<string>;
  readonly #known = new Set<string>();

  /** @param rows 0, 1, 2, … up to the largest step's T. */
  constructor(device: Device, { gatherRows }: ModelKernels, rows: Tensor, wanted: Iterable<string>) {
    this.#device = device;
    this.#recorder = new Recorder(device);
    this.#gatherRows = gatherRows;
    this.#rows = rows;
    this.#wanted = new Set(wanted);
  }

  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
  ): void {
    this.#recorder.add(kernel, tensors, scalars, choice);
  }

  tap(module: string, shape: readonly number[]): Tensor | null {
    this.#known.add(module);
    if (!this.#wanted.has(module)) return null;
    const tensor = this.taps.get(module) ?? Tensor.create(this.#device, module, 'f32', shape);
    this.taps.set(module, tensor);
    return tensor;
  }

  passLayer(module: string, hidden: Tensor): void {
    const out = this.tap(module, hidden.shape);
    if (out) this.add(this.#gatherRows, { x: hidden, rows: this.#rows.prefix([hidden.shape[0] ?? 0]), out }, {});
  }

  /**
   * Makes a program of the step.
   *
   * @throws RangeValueError for a module that the model does not have; as `Recorder.finish`.
   */
  async finish(label: string): Promise<Program> {
    const unknown = [...this.#wanted].find((module) => !this.#known.has(module));
    if (unknown !== undefined) throw new RangeValueError('tap', unknown, `one of ${[...this.#known].join(', ')}`);
    return this.#recorder.finish(label);
  }

  /** Closes the taps where the caller gets none of them. */
  close(): void {
    for (const tensor of this.taps.values()) tensor.close();
  }
}
