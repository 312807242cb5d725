import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import type { Program } from '../gpu/program.ts';
import { Recorder } from '../gpu/recorder.ts';
import { Tensor } from '../gpu/tensor.ts';
import { RangeValueError } from '../util/errors.ts';
import type { StepSink } from './gpt2.ts';
import type { GPT2Kernels } from './gpt2-kernels.ts';

/** Records a step and keeps what some of its modules put out, in tensors that are the caller's. */
export class TappedRecorder implements StepSink {
  /** By module, in the order in which they run. */
  readonly taps = new Map<string, Tensor>();
  readonly #device: Device;
  readonly #recorder: Recorder;
  readonly #gatherRows: GPT2Kernels['gatherRows'];
  readonly #rows: Tensor;
  readonly #wanted: ReadonlySet<string>;
  readonly #known = new Set<string>();

  /** @param rows 0, 1, 2, … up to the largest step's T. */
  constructor(device: Device, { gatherRows }: GPT2Kernels, rows: Tensor, wanted: Iterable<string>) {
    this.#device = device;
    this.#recorder = new Recorder(device);
    this.#gatherRows = gatherRows;
    this.#rows = rows;
    this.#wanted = new Set(wanted);
  }

  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S, Tensor>,
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
    if (out)
      this.#recorder.add(this.#gatherRows, { x: hidden, rows: this.#rows.view([hidden.shape[0] ?? 0]), out }, {});
  }

  /** @throws RangeValueError for a module that the model does not have; the taps are closed then. */
  finish(label: string): Program {
    for (const module of this.#wanted) {
      if (this.#known.has(module)) continue;
      for (const tensor of this.taps.values()) tensor.close();
      throw new RangeValueError('tap', module, `one of ${[...this.#known].join(', ')}`);
    }
    return this.#recorder.finish(label);
  }
}
