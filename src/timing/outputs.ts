// Outputs of a run, compared before anything is timed: a kernel that computes something else, or leaves a part out, is fast for a wrong
// reason. Outputs start as NaN, so what a run leaves unwritten is seen.
import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import { Program } from '../gpu/program.ts';
import type { DType, Tensor, TensorData, TensorSource } from '../gpu/tensor.ts';
import { dtypeOf, elementBytes, toData, toTypedArray } from '../gpu/tensor-data.ts';
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { type Check, checkValue } from '../util/option-checks.ts';
import type { Outputs, PreparedWork } from './work.ts';

/** Bound of an element by its right value, such as a value of `bounds` of `roseinfer/testing`. */
export interface ElementBound {
  toleranceOf(element: { readonly want: number; readonly dtype: DType }): number;
}

/**
 * Largest difference of an element that is right: `bits` where each must have the same bits, a number, a number for each element
 * of an output, or a bound by the right value.
 */
export type OutputBound = 'bits' | number | ElementBound | ((index: number, output: string) => number);

/**
 * Contents of outputs before a run that is compared: `nan`, so that what it leaves out is seen, or `kept`, what they hold when the
 * call begins, for work that changes them in place.
 */
export type OutputStart = 'nan' | 'kept';

/** How outputs are compared. */
export interface OutputCheck {
  readonly bound: OutputBound;
  readonly start: OutputStart;
}

/** Contents of outputs by name. */
type Contents = ReadonlyMap<string, TensorData>;

/** A check of a bound. */
export const BOUND: Check = {
  expected: "'bits', a number ≥ 0, a function of (index, output), or a value of bounds",
  accepts: (value) =>
    value === 'bits' ||
    (typeof value === 'number' && value >= 0) ||
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && 'toleranceOf' in value && typeof value.toleranceOf === 'function'),
};

/** Outputs of work differ from those that they must equal. */
export class OutputMismatchError extends RoseinferError {
  /** Name of the work. */
  readonly work: string;
  readonly output: string;
  /** Index of the first element that is wrong. */
  readonly index: number;
  readonly got: number;
  readonly want: number;
  readonly numWrong: number;

  /** @internal */
  constructor(
    { work, output, index, got, want, numWrong }: OmitMethods<OutputMismatchError>,
    length: number,
    expected: string,
  ) {
    super(
      `${work}: ${output}: element ${index} of ${length} is ${shown(got)}, expected ${expected}; ${numWrong} differ`,
    );
    this.work = work;
    this.output = output;
    this.index = index;
    this.got = got;
    this.want = want;
    this.numWrong = numWrong;
  }
}

type OmitMethods<E extends Error> = Omit<E, keyof Error>;

/**
 * Runs works once each and compares the outputs of the first with those of the others.
 *
 * @throws OutputMismatchError where one differs by more than the bound; RangeValueError for outputs of other names, sizes or
 * types; KernelError where the first leaves an output unwritten; GpuError or DeviceLostError when the device fails.
 */
export async function compareOutputs(
  device: Device,
  works: readonly PreparedWork[],
  check: OutputCheck,
): Promise<void> {
  const [first, ...others] = works;
  if (first === undefined || others.length === 0) return;
  for (const { name, outputs } of works) checkHasOutputs(name, outputs);
  for (const other of others) checkSameOutputs(first, other);
  const before = await Outcome.keep(check.start, works);
  const want = await before.run(device, first);
  for (const other of others) {
    compareContents(other.name, await before.run(device, other), want, check, `of ${first.name}`);
  }
}

/**
 * Runs work once and compares its outputs with what they must hold.
 *
 * @param expect by name; outputs that it leaves out may hold anything.
 * @throws as `compareOutputs`.
 */
export async function checkOutputs(
  device: Device,
  work: PreparedWork,
  expect: Readonly<Record<string, TensorSource>>,
  check: OutputCheck,
): Promise<void> {
  const want = new Map<string, TensorData>();
  const names = Object.keys(work.outputs);
  for (const [name, numbers] of Object.entries(expect)) {
    const output = work.outputs[name];
    if (output === undefined) {
      const known = names.length === 0 ? 'none; outputs: { name: tensor } names them' : names.join(', ');
      throw new RangeValueError('key of expect', name, `an output of ${work.name}: ${known}`);
    }
    const data = toData(`expect.${name}`, numbers, output.dtype);
    if (data.length !== output.length) {
      throw new RangeValueError(`length of expect.${name}`, data.length, `${output.length}, that of the tensor`);
    }
    want.set(name, data);
  }
  const before = await Outcome.keep(check.start, [work]);
  compareContents(work.name, await before.run(device, work), want, check, '');
}

function checkHasOutputs(name: string, outputs: Outputs): void {
  if (Object.keys(outputs).length > 0) return;
  throw new RangeValueError(`outputs of ${name}`, outputs, 'the tensors that hold its results, by name');
}

function checkSameOutputs(first: PreparedWork, other: PreparedWork): void {
  const describe = (output: Tensor) => `${output.dtype}[${output.length}]`;
  const names = (work: PreparedWork) => Object.keys(work.outputs).toSorted().join(', ');
  if (names(first) !== names(other)) {
    const reason = `${names(first)}, as those of ${first.name}; outputs: { name: tensor } names them`;
    throw new RangeValueError(`outputs of ${other.name}`, names(other), reason);
  }
  for (const [name, output] of Object.entries(first.outputs)) {
    const of = other.outputs[name];
    if (of === undefined || describe(of) === describe(output)) continue;
    throw new RangeValueError(
      `output ${name} of ${other.name}`,
      describe(of),
      `${describe(output)}, as of ${first.name}`,
    );
  }
}

/** Contents of outputs before each run that is compared. */
class Outcome {
  readonly #start: OutputStart;
  readonly #kept: ReadonlyMap<Tensor, TensorData>;

  private constructor(start: OutputStart, kept: ReadonlyMap<Tensor, TensorData>) {
    this.#start = start;
    this.#kept = kept;
  }

  static async keep(start: OutputStart, works: readonly PreparedWork[]): Promise<Outcome> {
    const kept = new Map<Tensor, TensorData>();
    for (const tensor of works.flatMap(({ outputs }) => Object.values(outputs))) {
      if (kept.has(tensor)) continue;
      kept.set(tensor, start === 'kept' ? await tensor.read() : unwritten(tensor));
    }
    return new Outcome(start, kept);
  }

  /** Runs work on these contents and returns the outputs. @throws KernelError where one is left as it was, with `nan`. */
  async run(device: Device, { name, dispatches, outputs }: PreparedWork): Promise<Contents> {
    for (const [tensor, data] of this.#kept) tensor.write(data);
    await device.checked(name, () => {
      using program = new Program(device, name, dispatches);
      program.submit();
    });
    const contents = new Map<string, TensorData>();
    for (const [output, tensor] of Object.entries(outputs)) {
      const data = await tensor.read();
      if (this.#start === 'nan' && data.length > 0 && data.every(isUnwritten)) {
        const reason = 'holds nothing but NaN or the words that it started with';
        throw new KernelError(name, `${output} ${reason}: work that changes it in place needs start: 'kept'`);
      }
      contents.set(output, data);
    }
    if (this.#start === 'kept') for (const [tensor, data] of this.#kept) tensor.write(data);
    return contents;
  }
}

/** Makes contents of ones: NaN of floats, −1 or 2^32 − 1 of integers. */
function unwritten({ dtype, length }: Tensor): TensorData {
  const bytes = new ArrayBuffer(length * elementBytes(dtype));
  new Uint8Array(bytes).fill(0xff);
  return toTypedArray(bytes, dtype);
}

function isUnwritten(value: number): boolean {
  return Number.isNaN(value) || value === -1 || value === 0xffffffff;
}

function compareContents(work: string, got: Contents, want: Contents, { bound }: OutputCheck, whose: string): void {
  for (const [output, wanted] of want) {
    const found = got.get(output);
    if (found === undefined) continue;
    const differs = bound === 'bits' ? bitsDiffer(found, wanted) : exceeds(found, wanted, bound, output);
    let index = -1;
    let numWrong = 0;
    for (let i = 0; i < wanted.length; i++) {
      if (!differs(i)) continue;
      numWrong++;
      if (index < 0) index = i;
    }
    if (index < 0) continue;
    const element = { work, output, index, got: found[index]!, want: wanted[index]!, numWrong };
    const most = bound === 'bits' ? '' : ` ± ${toleranceOf(wanted, bound, output, index)}`;
    throw new OutputMismatchError(element, wanted.length, `${shown(element.want)}${most} ${whose}`.trimEnd());
  }
}

type DiffersAt = (index: number) => boolean;

function bitsDiffer(got: TensorData, want: TensorData): DiffersAt {
  const wordsOf = ({ buffer, byteOffset, length, BYTES_PER_ELEMENT }: TensorData): Uint16Array | Uint32Array =>
    BYTES_PER_ELEMENT === 2 ? new Uint16Array(buffer, byteOffset, length) : new Uint32Array(buffer, byteOffset, length);
  const [a, b] = [wordsOf(got), wordsOf(want)];
  return (index) => a[index] !== b[index];
}

function exceeds(got: TensorData, want: TensorData, bound: Exclude<OutputBound, 'bits'>, output: string): DiffersAt {
  return (index) => {
    const [a, b] = [got[index]!, want[index]!];
    // What both leave unwritten, and infinities, are equal.
    if (Object.is(a, b) || a === b) return false;
    return !(Math.abs(a - b) <= toleranceOf(want, bound, output, index));
  };
}

function toleranceOf(want: TensorData, bound: Exclude<OutputBound, 'bits'>, output: string, index: number): number {
  if (typeof bound === 'number') return bound;
  const dtype = dtypeOf(want);
  const most = typeof bound === 'function' ? bound(index, output) : bound.toleranceOf({ want: want[index]!, dtype });
  checkValue(`bound of ${output}[${index}]`, most, NUMBER);
  return most;
}

const NUMBER: Check = {
  expected: 'a number ≥ 0',
  accepts: (value) => typeof value === 'number' && value >= 0,
};

/** Writes a number; −0 is not 0. */
function shown(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
