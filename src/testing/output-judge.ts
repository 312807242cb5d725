// Verdict on the outputs of one run: against what is right, and bit by bit against another run.
import type { DType, TensorData } from '../gpu/tensor-data.ts';
import { toTypedArray } from '../gpu/tensor-data.ts';
import type { FaultKind, KernelFault, WorstElement } from './check-report.ts';
import { compareBits } from './comparison.ts';
import type { OutputExpectation } from './expectations.ts';
import { furthestElement } from './furthest.ts';
import type { HostOperand } from './host-operands.ts';
import { lengthOf } from './host-operands.ts';
import { limitOf } from './limit.ts';
import { brokenGuard, isGarbage } from './placement.ts';

/** A run, for messages. */
export interface RunLabel {
  readonly variant: string;
  readonly circumstance: string | null;
}

/** Words of an output after a run: with its guards, and without. */
export interface OutputRun {
  readonly output: HostOperand;
  readonly guarded: Uint32Array;
  readonly words: Uint32Array;
}

/** A part of 1,024 of an output's largest value: what variations of the inputs may differ by, since they look for gross faults. */
const GROSS = 2 ** -10;

/** Coordinates of an element. */
function coordinatesOf(index: number, shape: readonly number[]): number[] {
  let rest = index;
  const reversed = shape.toReversed().map((size) => {
    const at = size === 0 ? 0 : rest % size;
    rest = size === 0 ? 0 : Math.floor(rest / size);
    return at;
  });
  return reversed.reverse();
}

/** The elements of an output. */
export function elementsOf(words: Uint32Array, { dtype, ...operand }: HostOperand): TensorData {
  return toTypedArray(words.slice().buffer, dtype).subarray(0, lengthOf({ dtype, ...operand }));
}

/** Checks the guard words of an output. */
export function judgeGuards(run: RunLabel, { output, guarded }: OutputRun): KernelFault | null {
  const broken = brokenGuard(output.name, guarded);
  if (broken === null) return null;
  const { word, side } = broken;
  const place =
    side === 'after'
      ? `word ${word} after the end of ${output.name}`
      : `word ${-word} before the start of ${output.name}`;
  return fault(run, 'guard', output, {
    text: `${place} was overwritten: the shader writes elements that the tensor [${output.shape.join(', ')}] does not have`,
  });
}

/** Outcome of a comparison with right values. */
export interface ValueVerdict {
  readonly fault: KernelFault | null;
  readonly worst: WorstElement | null;
}

/**
 * Compares an output with its right values.
 *
 * @param gross judges a variation of the inputs: errors of a part of 1,024 of the largest value are let pass, and elements beyond the
 * range of the type are left out; `nan` asks only that NaN stays where the reference has it.
 */
export function judgeValues(
  run: RunLabel,
  { output, words }: OutputRun,
  { want, magnitude, limit, toNumbers }: OutputExpectation,
  gross: 'no' | 'yes' | 'nan' = 'no',
): ValueVerdict {
  const got = toNumbers ? toNumbers(words) : elementsOf(words, output);
  const dtype = toNumbers ? 'f32' : output.dtype;
  const allowed = limitOf(gross === 'nan' ? 0 : limit, { got, want, magnitude });
  const floor = gross === 'yes' && isFloat(dtype) ? GROSS * largestOf(want, dtype) : 0;
  const wantOf = (i: number) => rounded(want[i]!, dtype);
  const { element: furthest, numWrong } = furthestElement({
    got,
    wantOf,
    toleranceOf: (i) => Math.max(allowed(i), floor),
    skips: (i) => (gross === 'nan' ? !Number.isNaN(wantOf(i)) : gross === 'yes' && !Number.isFinite(wantOf(i))),
  });
  if (furthest === null) return { fault: null, worst: null };
  const { index, tolerance, error: distance } = furthest;
  const ratio = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance / tolerance;
  const element: WorstElement = {
    variant: run.variant,
    output: output.name,
    index: coordinatesOf(index, output.shape),
    got: furthest.got,
    want: furthest.want,
    ratio,
  };
  if (numWrong === 0) return { fault: null, worst: gross === 'no' ? element : null };
  const unwritten = toNumbers === undefined && output.data === null && isGarbage(words, index, output.dtype);
  const bothFinite = Number.isFinite(element.got) && Number.isFinite(element.want);
  const kind = unwritten ? 'unwritten' : bothFinite ? 'wrong' : 'not-finite';
  const shape = output.shape.join(', ');
  const counted = `${numWrong} of ${want.length} elements`;
  const expected = `expected ${shown(element.want)}${tolerance > 0 ? ` ± ${tolerance.toExponential(1)}` : ''}`;
  const error = bothFinite && tolerance > 0 ? `, ${ratioText(ratio)} times the bound` : '';
  const place = `${output.name}[${element.index.join(', ')}] of [${shape}]`;
  const text = unwritten
    ? `${place} was never written, ${expected} (${counted}): does the grid cover every element, and does each lane write what it has?`
    : `${place} is ${shown(element.got)}, ${expected} (${counted}${error})${hintOf(element)}`;
  return {
    fault: fault(run, kind, output, { text, element, numWrong }),
    worst: null,
  };
}

/** Compares the bits of an output with those of another run. */
export function judgeBits(
  run: RunLabel,
  kind: FaultKind,
  { output, words }: OutputRun,
  reference: Uint32Array,
  what: string,
): KernelFault | null {
  const [got, want] = [elementsOf(words, output), elementsOf(reference, output)];
  const { worst, numWrong } = compareBits(got, want);
  if (worst === null) return null;
  const index = coordinatesOf(worst.index, output.shape);
  const element = {
    variant: run.variant,
    output: output.name,
    index,
    got: worst.got,
    want: worst.want,
    ratio: Number.NaN,
  };
  const text =
    `${output.name}[${index.join(', ')}] of [${output.shape.join(', ')}] is ${shown(element.got)}, other bits than ` +
    `${shown(element.want)} (${numWrong} of ${got.length} elements): ${what}`;
  return fault(run, kind, output, { text, element, numWrong });
}

interface FaultParts {
  readonly text: string;
  readonly element?: WorstElement;
  readonly numWrong?: number;
}

function fault(
  { variant, circumstance }: RunLabel,
  kind: FaultKind,
  output: HostOperand,
  { text, element, numWrong = 1 }: FaultParts,
): KernelFault {
  const where = circumstance === null ? variant : `${variant}, ${circumstance}`;
  return {
    kind,
    variant,
    circumstance,
    output: output.name,
    index: element?.index ?? null,
    got: element?.got ?? null,
    want: element?.want ?? null,
    excess: element === undefined || Number.isNaN(element.ratio) ? null : element.ratio,
    numWrong,
    message: `${where}: ${text}`,
  };
}

/** Tells of a value that is not finite what the mistake may be. */
function hintOf({ got, want }: WorstElement): string {
  if (Number.isNaN(want)) return ': NaN has vanished, as it does in max, min and clamp';
  if (Number.isNaN(got)) return ': a NaN read beyond an input, 0 / 0, or ∞ − ∞';
  if (!Number.isFinite(got)) return ': beyond the range of the element type, or divided by 0';
  return '';
}

function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16';
}

/** The right value as the element type has it, where that is infinite. */
function rounded(want: number, dtype: DType): number {
  if (!isFloat(dtype)) return want;
  const value = dtype === 'f16' ? Math.f16round(want) : Math.fround(want);
  return Number.isFinite(value) ? want : value;
}

function largestOf(want: ArrayLike<number>, dtype: DType): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const size = Math.abs(rounded(want[i]!, dtype));
    if (Number.isFinite(size) && size > largest) largest = size;
  }
  return largest;
}

function shown(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function ratioText(ratio: number): string {
  return ratio >= 100 ? ratio.toExponential(1) : ratio.toPrecision(3);
}
