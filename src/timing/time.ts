// Timing of one kernel or program, verified first where the caller says what it must compute.
import { checkDevice } from '../gpu/check-device.ts';
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import type { Program } from '../gpu/program.ts';
import type { TensorSource } from '../gpu/tensor.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, oneOf, text } from '../util/option-checks.ts';
import { BOUND, checkOutputs, type OutputBound, type OutputStart } from './outputs.ts';
import { ROOFLINE, type Roofline } from './roofline.ts';
import { Sampler } from './sampler.ts';
import { type Timing, timingOf } from './timing.ts';
import { type Outputs, type PreparedWork, prepareWork } from './work.ts';

/** How to time a program. */
export interface TimeProgramOptions {
  /** Name in results; that of kernel and variant, or the program's label, when absent. */
  readonly name?: string | undefined;
  /** Measurements; 20. */
  readonly runs?: number | undefined;
  /** Measurements before them, which do not count; 3. */
  readonly warmUps?: number | undefined;
  /** Tensors that `expect` names; those that a kernel writes, by the names of their bindings, when absent. */
  readonly outputs?: Outputs | undefined;
  /** Right outputs of a run, by name: they are compared before anything is timed. */
  readonly expect?: Readonly<Record<string, TensorSource>> | undefined;
  /** Largest difference from `expect`; its bits when absent. */
  readonly bound?: OutputBound | undefined;
  /** Contents of outputs before the run that is compared; NaN when absent. */
  readonly start?: OutputStart | undefined;
  /** The adapter's best, as `measureRoofline` gives it: the result then tells what limits the kernel. */
  readonly roofline?: Roofline | undefined;
}

/** How to time a kernel. */
export interface TimeOptions<S extends KernelSpec = KernelSpec> extends TimeProgramOptions {
  /** Values that differ from the kernel's defaults for the device. */
  readonly choice?: ChoiceOf<S> | undefined;
}

const integerFrom = (least: number): Check => ({
  expected: `an integer from ${least} on`,
  accepts: (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= least,
});
const named: Check = { expected: 'an object', accepts: isRecord };
const expected: Check = {
  expected: 'an object with the values of one output at least',
  accepts: (value) => isRecord(value) && Object.keys(value).length > 0,
};
const PROGRAM_OPTIONS: Checks<TimeProgramOptions> = {
  name: text,
  runs: integerFrom(1),
  warmUps: integerFrom(0),
  outputs: named,
  expect: expected,
  bound: BOUND,
  start: oneOf(['nan', 'kept']),
  roofline: ROOFLINE,
};
/** `mergeChoice` checks the choice. */
const KERNEL_OPTIONS: Checks<TimeOptions> = { ...PROGRAM_OPTIONS, choice: { expected: '', accepts: () => true } };

/**
 * Times a kernel on tensors: it runs warmUps + runs times or, by the host's clock, many times more, so what it changes in
 * place goes on changing. By timestamps each run is a pass of its own. Its operands stay in whatever caches hold them.
 *
 * @throws RangeValueError for an unknown option, and unless runs is a natural number from 1 on and warmUps one from 0 on;
 * OutputMismatchError where a run leaves other numbers than `expect`; KernelError, GpuError and DeviceLostError, as `Kernel.run`.
 */
export async function time<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  tensors: TensorsOf<S>,
  scalars: ScalarsOf<S>,
  options: TimeOptions<S> = {},
): Promise<Timing> {
  checkDevice(device);
  checkOptions('options of time', options, KERNEL_OPTIONS);
  const { choice, name, outputs } = options;
  const work = { name, outputs, kernel, tensors, scalars, choice };
  return await timeWork(device, await prepareWork(device, '', work), options);
}

/**
 * Times a recorded program as `time` does a kernel: all of its dispatches in one pass, as it runs.
 *
 * @throws as `time`.
 */
export async function timeProgram(device: Device, program: Program, options: TimeProgramOptions = {}): Promise<Timing> {
  checkDevice(device);
  checkOptions('options of timeProgram', options, PROGRAM_OPTIONS);
  const { name, outputs } = options;
  return await timeWork(device, await prepareWork(device, '', { name, outputs, program }), options);
}

async function timeWork(
  device: Device,
  work: PreparedWork,
  { runs = 20, warmUps = 3, expect, bound, start = 'nan', roofline }: TimeProgramOptions,
): Promise<Timing> {
  if (expect !== undefined) await checkOutputs(device, work, expect, { bound: bound ?? 'bits', start });
  else if (bound !== undefined) throw new RangeValueError('bound', bound, 'none without expect, from which it bounds');
  using sampler = await Sampler.create(device, work, 'alone');
  const samples = (await sampler.samples(warmUps + runs)).slice(warmUps);
  return timingOf(device, work, samples, { mode: 'alone', roofline });
}
