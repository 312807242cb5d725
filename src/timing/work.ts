// Work that is timed: a kernel on tensors, or a recorded program. Either becomes dispatches, and the tensors that hold what they compute.
import type { Device } from '../gpu/device.ts';
import type { Dispatch } from '../gpu/dispatch.ts';
import { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, Cost, KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import { bindOperands } from '../gpu/operands.ts';
import { Program } from '../gpu/program.ts';
import { Tensor } from '../gpu/tensor.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, isRecord, type KeyTable } from '../util/keys.ts';
import { checkValue, text } from '../util/option-checks.ts';

/** Tensors that hold results, by name. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** A kernel on tensors, as `Kernel.run` takes them. */
export interface KernelWork<S extends KernelSpec = KernelSpec> {
  /** Name in results; that of kernel and variant when absent. */
  readonly name?: string | undefined;
  readonly kernel: Kernel<S>;
  readonly tensors: TensorsOf<S>;
  readonly scalars: ScalarsOf<S>;
  readonly choice?: ChoiceOf<S> | undefined;
  /** Tensors that are compared; those that the kernel writes, by the names of their bindings, when absent. */
  readonly outputs?: Outputs | undefined;
}

/** A recorded program. */
export interface ProgramWork {
  /** Name in results; the program's label when absent. */
  readonly name?: string | undefined;
  readonly program: Program;
  /** Tensors that are compared: those that hold its results. */
  readonly outputs?: Outputs | undefined;
}

/** Work that is ready to run on a device. */
export interface PreparedWork {
  readonly name: string;
  /** Kernel and variant, or the program's label. */
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  /** Of all dispatches; null where one states none. */
  readonly cost: Cost | null;
  readonly outputs: Outputs;
}

const KERNEL_KEYS: KeyTable<KernelWork> = {
  name: true,
  kernel: true,
  tensors: true,
  scalars: true,
  choice: true,
  outputs: true,
};
const PROGRAM_KEYS: KeyTable<ProgramWork> = { name: true, program: true, outputs: true };

/**
 * Builds the variant of a kernel and checks its operands; a program has been checked.
 *
 * @param what names the work in errors, e.g. `contestant 1`; empty where it is the only one.
 * @throws RangeValueError for what is no work; KernelError and GpuError, as `Kernel.run`.
 */
export async function prepareWork<S extends KernelSpec>(
  device: Device,
  what: string,
  work: KernelWork<S> | ProgramWork,
): Promise<PreparedWork> {
  const isProgram = isRecord(work) && 'program' in work;
  checkKeys(what, work, isProgram ? PROGRAM_KEYS : KERNEL_KEYS);
  const of = what === '' ? '' : ` of ${what}`;
  if (work.name !== undefined) checkValue(`name${of}`, work.name, text);
  if (work.outputs !== undefined) checkOutputs(of, work.outputs);
  if ('program' in work) {
    const { program, outputs = {} } = work;
    checkValue(`program${of}`, program, PROGRAM);
    const { label, dispatches } = program;
    return { name: work.name ?? label, label, dispatches, cost: sumOf(dispatches), outputs };
  }
  const { kernel, tensors, scalars, choice } = work;
  checkValue(`kernel${of}`, kernel, KERNEL);
  bindOperands(device, kernel.spec, tensors);
  const { label } = await kernel.build(device, kernel.choiceFor(tensors, choice));
  const dispatch = kernel.dispatch(device, tensors, scalars, choice);
  const outputs = work.outputs ?? writtenBy(kernel.spec, tensors);
  return { name: work.name ?? label, label, dispatches: [dispatch], cost: dispatch.cost, outputs };
}

const KERNEL = {
  expected: 'a kernel (a recorded program: { program }, timeProgram)',
  accepts: (value: unknown) => value instanceof Kernel,
};
const PROGRAM = { expected: 'what Recorder.finish made', accepts: (value: unknown) => value instanceof Program };

function checkOutputs(of: string, outputs: unknown): void {
  if (!isRecord(outputs)) throw new RangeValueError(`outputs${of}`, outputs, 'tensors by name');
  for (const [name, tensor] of Object.entries(outputs)) {
    if (!(tensor instanceof Tensor)) throw new RangeValueError(`output ${name}${of}`, tensor, 'a Tensor');
  }
}

/** Finds the tensors that a kernel writes. */
function writtenBy({ bindings }: KernelSpec, tensors: Readonly<Record<string, unknown>>): Outputs {
  const written: Record<string, Tensor> = {};
  for (const [name, { access }] of Object.entries(bindings)) {
    const tensor = tensors[name];
    if (access === 'read_write' && tensor instanceof Tensor) written[name] = tensor;
  }
  return written;
}

function sumOf(dispatches: readonly Dispatch[]): Cost | null {
  const total = { bytes: 0, flops: 0, loads: 0 };
  for (const { cost } of dispatches) {
    if (cost === null) return null;
    total.bytes += cost.bytes;
    total.flops += cost.flops;
    total.loads += cost.loads ?? 0;
  }
  return total;
}
