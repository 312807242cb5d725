// Recorder of a step whose points are read and changed. A change on the host cuts the step into parts, each a submit of its
// own. Variants that only a probe needs were not compiled before: they are built at the end.
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import { Recorder } from '../gpu/recorder.ts';
import { Tensor } from '../gpu/tensor.ts';
import { EDIT_MODES } from '../kernels/edit-rows/edit-rows.ts';
import type { PointName } from '../models/points.ts';
import type { ProbeKernels } from '../models/probe-kernels.ts';
import type { StepProbes, StepSink } from '../models/step.ts';
import { RangeValueError } from '../util/errors.ts';
import type { EditContext, EditFunction } from './edits.ts';
import {
  type EditedRows,
  editedRows,
  type Interventions,
  type PlannedEdit,
  type PlannedValues,
} from './interventions.ts';

/** Text of a step, and what is read and changed in it. */
export interface ProbedText {
  readonly interventions: Interventions;
  /** First row of the step that is a token of the text. */
  readonly firstRow: number;
  /** Position of that token. */
  readonly firstPosition: number;
  readonly numTokens: number;
}

/** Edit of a text of the step. */
interface TextEdit {
  readonly edit: PlannedEdit;
  readonly text: ProbedText;
}

/** Step as far as its points depend on it: of several texts, each has interventions that `runsBeside` accepts. */
export interface ProbedStep {
  readonly kernels: ProbeKernels;
  /** 0, 1, 2, … up to the largest step's T. */
  readonly rows: Tensor;
  readonly texts: readonly ProbedText[];
  /** Calls a function of the caller's. */
  readonly callEdit: <T>(edit: () => T) => T;
}

/** Records a step; makes its interventions, and keeps what is tapped in tensors that are the caller's. */
export class ProbedRecorder implements StepSink, StepProbes {
  /** By point, in the order in which they are computed. */
  readonly taps = new Map<PointName, Tensor>();
  readonly kernels: ProbeKernels;
  readonly rows: Tensor;
  readonly numKeys: number;
  readonly #device: Device;
  readonly #callEdit: ProbedStep['callEdit'];
  /** Rows of the step that the points to come do not have. */
  #skippedRows = 0;
  readonly #tapped: ReadonlySet<PointName>;
  readonly #edits: ReadonlyMap<PointName, readonly TextEdit[]>;
  readonly #parts: (Recorder | (() => Promise<void>))[] = [];
  /** Tensors of this step by label and shape. */
  readonly #scratch = new Map<string, Tensor>();
  /** Operands of edits. */
  readonly #operands: Tensor[] = [];

  constructor(device: Device, { kernels, rows, texts, callEdit }: ProbedStep) {
    this.#device = device;
    this.#callEdit = callEdit;
    this.kernels = kernels;
    this.rows = rows;
    this.numKeys = texts.reduce((most, text) => Math.max(most, text.firstPosition + text.numTokens), 0);
    this.#tapped = new Set(texts.flatMap(({ interventions }) => interventions.taps.map(({ name }) => name)));
    const edits = texts.flatMap((text) => text.interventions.edits.map((edit) => ({ edit, text })));
    this.#edits = Map.groupBy(edits, ({ edit }) => edit.point.name);
  }

  /** Null where nothing is read or changed. */
  get probes(): StepProbes | null {
    return this.#tapped.size + this.#edits.size > 0 ? this : null;
  }

  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
  ): void {
    let last = this.#parts.at(-1);
    if (!(last instanceof Recorder)) {
      last = new Recorder(this.#device);
      this.#parts.push(last);
    }
    last.add(kernel, tensors, scalars, choice);
  }

  has(point: PointName): boolean {
    return this.#tapped.has(point) || this.changes(point);
  }

  changes(point: PointName): boolean {
    return this.#edits.has(point);
  }

  visit(point: PointName, value: Tensor): void {
    for (const edit of this.#edits.get(point) ?? []) this.#change(edit, value);
    if (!this.#tapped.has(point)) return;
    const tap = Tensor.reserve(this.#device, point, 'f32', value.shape);
    this.taps.set(point, tap);
    this.#copy(value, tap);
  }

  scratch(label: string, shape: readonly number[]): Tensor {
    const key = `${label} ${shape}`;
    const known = this.#scratch.get(key) ?? Tensor.reserve(this.#device, label, 'f32', shape);
    this.#scratch.set(key, known);
    return known;
  }

  /** Tells that points from here on have rows from this row of the step on. */
  skipRows(count: number): void {
    this.#skippedRows += count;
  }

  /**
   * Runs the step, and frees what only it needed.
   *
   * @throws KernelError and GpuError, as `Recorder.finish`; DeviceLostError; what a change on the host throws.
   */
  async run(label: string): Promise<void> {
    using programs = new DisposableStack();
    try {
      const parts = await Promise.all(
        this.#parts.map(async (part) => (part instanceof Recorder ? programs.use(await part.finish(label)) : part)),
      );
      for (const part of parts) {
        if (typeof part === 'function') await part();
        else await this.#device.checked(label, () => part.submit());
      }
    } finally {
      for (const tensor of [...this.#scratch.values(), ...this.#operands]) tensor.close();
    }
  }

  /** Closes the taps where the caller gets none of them. */
  close(): void {
    for (const tensor of [...this.taps.values(), ...this.#scratch.values(), ...this.#operands]) tensor.close();
  }

  #change({ edit, text }: TextEdit, value: Tensor): void {
    const { change, heads, positions } = edit;
    const firstPosition = text.firstPosition + this.#skippedRows;
    const places = this.#places(edit, text, value.shape);
    if (places.rows.length === 0) return;
    if ('values' in change) {
      this.#changeRows(value, this.#valuesOf(change.values, value), EDIT_MODES[change.kind], places);
      return;
    }
    // A change of some places changes a copy of all, from which these are taken.
    const target = heads === null && positions === null ? value : this.scratch('changed', value.shape);
    if (target !== value) this.#copy(value, target);
    if (change.kind === 'run') this.#changeOnHost(change.run, target, { point: edit.point.name, firstPosition });
    else this.add<KernelSpec>(change.kernel, { ...change.operands, x: target }, change.scalars, change.choice);
    const { rows } = places;
    if (target !== value) this.#changeRows(value, target, EDIT_MODES.set, { rows, sources: rows });
  }

  /** Lists the rows of a point that an edit of a text changes. */
  #places(edit: PlannedEdit, { firstRow, firstPosition, numTokens }: ProbedText, shape: readonly number[]): EditedRows {
    const axis = edit.point.letters.indexOf('T');
    const ofText = shape.with(axis, Math.min(numTokens, shape[axis] ?? 0));
    const { rows, sources } = editedRows(edit, ofText, firstPosition + this.#skippedRows);
    if (firstRow === 0) return { rows, sources };
    // The rows of a token lie side by side.
    const first = firstRow * shape.slice(1, -1).reduce((product, size) => product * size, 1);
    return { rows: rows.map((row) => row + first), sources };
  }

  #changeOnHost(run: EditFunction, target: Tensor, context: EditContext): void {
    this.#parts.push(async () => {
      const values = await target.readF32();
      const result: unknown = await this.#callEdit(() => run(values, [...target.shape], context));
      const isOther = Array.isArray(result) || ArrayBuffer.isView(result);
      if (isOther && result !== values)
        throw new RangeValueError(`result of run at ${context.point}`, result, 'none: run changes its values in place');
      if (values.length !== target.length)
        throw new RangeValueError(
          `values of run at ${context.point}`,
          values,
          'in place: their buffer was transferred',
        );
      target.write(values);
    });
  }

  #changeRows(value: Tensor, values: Tensor, mode: number, { rows, sources }: EditedRows): void {
    const operand = (label: string, list: readonly number[]) => this.#operand(label, Int32Array.from(list));
    const lists = { rows: operand('edited rows', rows), sources: operand('rows of values', sources) };
    this.add(this.kernels.editRows, { x: asMatrix(value), values: asMatrix(values), ...lists }, { mode });
  }

  /** Returns values as rows of a point's last size. */
  #valuesOf(values: PlannedValues, { shape }: Tensor): Tensor {
    const columns = shape.at(-1) ?? 1;
    if (typeof values === 'number') return this.#operand('value', new Float32Array(columns).fill(values));
    return values.data instanceof Tensor
      ? values.data
      : this.#operand('values', values.data).view([values.data.length / columns, columns]);
  }

  #operand(label: string, data: Float32Array | Int32Array): Tensor {
    const tensor = Tensor.from(this.#device, label, data);
    this.#operands.push(tensor);
    return tensor;
  }

  #copy(x: Tensor, out: Tensor): void {
    const count = x.shape.at(-1) ?? 1;
    this.add(this.kernels.copyColumns, { x: asMatrix(x), out: asMatrix(out) }, { count });
  }
}

/** Returns a tensor as rows of its last size. */
function asMatrix(tensor: Tensor): Tensor {
  const columns = tensor.shape.at(-1) ?? 1;
  return tensor.view([tensor.length / columns, columns]);
}
