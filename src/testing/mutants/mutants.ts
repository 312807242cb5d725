// Do my tests bite? Plants one fault after another in a kernel and asks the caller's test to find it. All runs in the caller's
// process; loops of mutants end, and a test that is not done in time has found its fault.
import { DeviceLostError, GpuError, KernelError } from '../../gpu/errors.ts';
import { Kernel } from '../../gpu/kernel.ts';
import type { KernelSpec } from '../../gpu/kernel-spec.ts';
import { RangeValueError, RoseinferError } from '../../util/errors.ts';
import {
  type Checks,
  callback,
  checkOptions,
  count as countCheck,
  positive,
  seed as seedCheck,
} from '../../util/option-checks.ts';
import { quote } from '../../util/quote.ts';
import { CheckReport, KernelCheckError } from '../check-report.ts';
import { KernelTexts } from './kernel-texts.ts';
import { type JudgedMutant, MutantReport } from './mutant-report.ts';
import { mutantTexts } from './mutant-texts.ts';

/** Options of `mutants`. */
export interface MutantOptions<S extends KernelSpec = KernelSpec> {
  /**
   * The test of a kernel: throws, rejects, or gives `false` or a result whose `passes` is false where the kernel is wrong. It gets
   * kernels of the same declaration as the one under test, and should look at all that its outputs promise.
   */
  readonly judge: (kernel: Kernel<S>) => unknown;
  /** Gives the order in which faults are tried. Default: 1. */
  readonly seed?: number;
  /** Mutants that compile, at most. Default: 20. */
  readonly count?: number;
  /** Milliseconds after which a judge that is not done has found the fault. Default: 60,000. */
  readonly timeout?: number;
}

/** The judge of `mutants` rejects the kernel without a fault, so that its verdicts on mutants say nothing. */
export class MutantsError extends RoseinferError {
  readonly kernel: string;

  /** @internal */
  constructor(kernel: string, message: string, options?: ErrorOptions) {
    super(`${kernel}: ${message}`, options);
    this.kernel = kernel;
  }
}

type Verdict = Pick<JudgedMutant, 'state' | 'timedOut' | 'reason'> & { readonly error?: unknown };

const CHECKS: Checks<MutantOptions> = { judge: callback, seed: seedCheck, count: countCheck, timeout: positive };

/**
 * Plants faults in a kernel, one at a time, and lists those that a test does not find.
 *
 * The judge runs on the kernel itself first. Every loop of the kernels that it gets ends after 2^20 turns, so that a fault in a
 * loop's condition costs seconds and no device. A judge that opens a device for each call is safe from mutants that lose it;
 * with a shared device, the run ends with an error that says so.
 *
 * @throws RangeValueError for a kernel or options that are none; MutantsError where the judge rejects the kernel itself, at first
 * or after a mutant that was not done in time or lost the device.
 *
 * @example Does a test of one element see every fault?
 * ```ts
 * import { defineKernel, openDevice, read, Tensor, write } from 'roseinfer/kernels';
 * import { mutants } from 'roseinfer/testing';
 *
 * const double = defineKernel({
 *   name: 'double',
 *   source: `
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;
 *     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *     @compute @workgroup_size(64)
 *     fn main(@builtin(global_invocation_id) id: vec3u) {
 *       if (id.x < params.N) { y[id.x] = 2.0 * x[id.x]; }
 *     }`,
 *   bindings: { x: read('N'), y: write('N') },
 *   params: { N: 'u32' },
 *   workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
 * });
 * using device = await openDevice();
 * const report = await mutants(double, {
 *   judge: async (kernel) => {
 *     using x = Tensor.from(device, 'x', [3]);
 *     using y = Tensor.create(device, 'y', 'f32', [1]);
 *     await kernel.run(device, { x, y }, {});
 *     return (await y.readF32())[0] === 6;
 *   },
 * });
 * console.log(String(report)); // names the bounds check, of which one element shows nothing
 * ```
 */
export async function mutants<S extends KernelSpec>(
  kernel: Kernel<S>,
  options: MutantOptions<S>,
): Promise<MutantReport> {
  if (!(kernel instanceof Kernel)) throw new RangeValueError('kernel', kernel, 'a kernel that defineKernel made');
  checkOptions('options of mutants', options, CHECKS);
  if (options.judge === undefined) throw new RangeValueError('judge', undefined, callback.expected);
  const { judge, seed = 1, count = 20, timeout = 60_000 } = options;
  const texts = new KernelTexts(kernel);
  const judgeClean = async (when: string) => {
    const { state, timedOut, reason, error } = await verdictOf(judge, texts.bounded({}), timeout);
    if (state === 'survived') return;
    const how = timedOut ? `is not done after ${timeout} ms with` : 'rejects';
    throw new MutantsError(kernel.name, `the judge ${how} the kernel without a fault${when}: ${reason}`, {
      cause: error,
    });
  };
  await judgeClean('');
  const possible = mutantTexts(texts.authored(), { seed });
  const judged: JudgedMutant[] = [];
  let numCompiled = 0;
  for (const { file, source, ...fault } of possible) {
    if (numCompiled >= count) break;
    const { error, ...verdict } = await verdictOf(judge, texts.bounded({ [file]: source }), timeout);
    if (verdict.state !== 'invalid') numCompiled++;
    judged.push({ file: texts.titleOf(file), ...fault, ...verdict });
    if (!verdict.timedOut && !isOf(error, DeviceLostError)) continue;
    const place = `${texts.titleOf(file)}:${fault.line}:${fault.column}`;
    await judgeClean(`, after the mutant ${quote(fault.after)} at ${place}; open a device in each call of the judge`);
  }
  return new MutantReport(kernel.name, seed, possible.length, judged);
}

async function verdictOf<S extends KernelSpec>(
  judge: MutantOptions<S>['judge'],
  kernel: Kernel<S>,
  timeout: number,
): Promise<Verdict> {
  const { promise: late, resolve } = Promise.withResolvers<Verdict>();
  const reason = `nothing after ${timeout} ms`;
  const timer = setTimeout(resolve, timeout, { state: 'killed', timedOut: true, reason });
  const verdict = await Promise.race([run(judge, kernel), late]);
  clearTimeout(timer);
  return verdict;
}

async function run<S extends KernelSpec>(judge: MutantOptions<S>['judge'], kernel: Kernel<S>): Promise<Verdict> {
  try {
    const result: unknown = await judge(kernel);
    if (isRejection(result)) return { state: 'killed', timedOut: false, reason: reasonOf(result) };
    return { state: 'survived', timedOut: false, reason: '' };
  } catch (error) {
    // What does not link or compile is refused by the library or the driver, whatever the judge looks at.
    const isInvalid = isOf(error, KernelError) || isOf(error, GpuError);
    return { state: isInvalid ? 'invalid' : 'killed', timedOut: false, reason: reasonOf(error), error };
  }
}

/** Tells whether an error, or one that it was caused by, is of a class. */
function isOf(error: unknown, type: abstract new (...args: never[]) => Error): boolean {
  return error instanceof type || (error instanceof Error && error.cause !== undefined && isOf(error.cause, type));
}

/** Tells whether a judge's result, such as a report of `examineKernel` or a comparison, rejects the kernel. */
function isRejection(result: unknown): boolean {
  return result === false || (typeof result === 'object' && result !== null && Reflect.get(result, 'passes') === false);
}

/** Line that says why a kernel is rejected: of a report its first fault. */
function reasonOf(rejection: unknown): string {
  if (rejection === false) return 'the judge gave false';
  const report = rejection instanceof KernelCheckError ? rejection.report : rejection;
  if (report instanceof CheckReport) return report.faults[0]?.message ?? '';
  const isObject = typeof rejection === 'object' && rejection !== null;
  const message: unknown = isObject ? Reflect.get(rejection, 'message') : rejection;
  return String(message ?? 'the result does not pass').split('\n', 1)[0] ?? '';
}
