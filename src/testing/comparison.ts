// Comparisons of a kernel's output with the expected one, as values: a matcher, an assertion or a report makes of them what it
// likes.
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';
import { checkOptions, flag, text } from '../util/option-checks.ts';
import { type Limit, limitOf } from './limit.ts';

/** Options of a comparison. */
export interface CompareOptions {
  /** Begins the message: the tensor, or the case. */
  readonly label?: string;
  /** Shape of both arrays, row-major: the message then tells the coordinates of an element. */
  readonly shape?: readonly number[];
}

/** Options of a comparison within a bound. */
export interface CompareWithinOptions extends CompareOptions {
  /** Accepts NaN where `want` is NaN. Default: false, since an element that was never written is NaN, too. */
  readonly nan?: boolean;
  /** Σ|terms| of each element, for `bounds.sum`. */
  readonly magnitude?: ArrayLike<number>;
}

/** Element that is wrong. */
export interface WrongElement {
  /** From 0, through the whole array. */
  readonly index: number;
  readonly got: number;
  readonly want: number;
}

/** Outcome of a comparison. */
export interface Comparison {
  readonly passes: boolean;
  /** One line: the worst element, or that all agree. */
  readonly message: string;
  /** Number of elements that are wrong. */
  readonly numWrong: number;
  /** The element furthest out, of bits the first that differs; null where all agree. */
  readonly worst: WrongElement | null;
}

/** Typed array of numbers. */
export type NumberArray = ArrayBufferView & ArrayLike<number>;

const SHAPE = {
  expected: 'a list of integers ≥ 0',
  accepts: (value: unknown) => Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0),
};
const OPTIONS = { label: text, shape: SHAPE };
const WITHIN_OPTIONS = {
  ...OPTIONS,
  nan: flag,
  magnitude: { expected: 'a list of numbers or a typed array', accepts: isNumbers },
};

/**
 * Compares the bits of two arrays of one type: −0 is not 0, and a NaN has the bits of the other.
 *
 * @throws RangeValueError for arrays of different types, for a shape of another number of elements, and for unknown options.
 *
 * @example Bits that differ
 * ```ts
 * import { compareBits } from 'roseinfer/testing';
 *
 * const { message } = compareBits(Float32Array.of(1, -0), Float32Array.of(1, 0), { label: 'y' });
 * console.log(message); // y: element 1 of 2 is -0 (0x80000000), expected 0 (0x00000000); 1 of 2 words differ
 * ```
 */
export function compareBits(got: NumberArray, want: NumberArray, options: CompareOptions = {}): Comparison {
  checkOptions('options of compareBits', options, OPTIONS);
  const [gotWords, wantWords] = [wordsOf('got', got), wordsOf('want', want)];
  if (got.constructor !== want.constructor) {
    throw new RangeValueError(
      'got',
      got,
      `a ${want.constructor.name}, the type of want: bits of two types say nothing`,
    );
  }
  if (got.length !== want.length) return otherLength(got.length, want.length, options);
  checkShape(options, want.length);
  let numWrong = 0;
  let first = -1;
  for (let i = 0; i < want.length; i++) {
    if (gotWords[i] === wantWords[i]) continue;
    numWrong++;
    if (first < 0) first = i;
  }
  if (first < 0) return agreement(want.length, 'bits', options);
  const element = { index: first, got: got[first]!, want: want[first]! };
  const digits = 2 * bytesOf(want);
  const shown = (value: number, word: number | bigint) =>
    `${shownNumber(value)} (0x${word.toString(16).padStart(digits, '0')})`;
  const place = placeOf(first, want.length, options);
  const values = `is ${shown(element.got, gotWords[first]!)}, expected ${shown(element.want, wantWords[first]!)}`;
  const message = `${prefix(options)}${place} ${values}; ${numWrong} of ${want.length} words differ`;
  return { passes: false, message, numWrong, worst: element };
}

/**
 * Compares numbers: |got − want| ≤ bound for each element. Equal infinities agree; NaN on either side does not, unless
 * `nan` is set and it is on both.
 *
 * @param bound of all elements, of each, a value of `bounds`, or `{ abs, rel }`, which is abs + rel · |want|.
 * @throws RangeValueError for a bound that is none, for a bound or shape of another number of elements, and for unknown options.
 *
 * @example In node:test
 * ```ts
 * import assert from 'node:assert';
 * import { test } from 'node:test';
 * import { bounds, compareWithin } from 'roseinfer/testing';
 *
 * test('the mean of a row', () => {
 *   const { passes, message } = compareWithin(Float32Array.of(2.0000002), [2], bounds.ulps(1));
 *   assert.ok(passes, message);
 * });
 * ```
 */
export function compareWithin(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  bound: Limit,
  options: CompareWithinOptions = {},
): Comparison {
  checkOptions('options of compareWithin', options, WITHIN_OPTIONS);
  checkNumbers('got', got);
  checkNumbers('want', want);
  if (got.length !== want.length) return otherLength(got.length, want.length, options);
  checkShape(options, want.length);
  const limit = limitOf(bound, { got, want, magnitude: options.magnitude });
  const nan = options.nan ?? false;
  let numWrong = 0;
  let worstIndex = -1;
  let worstExcess = 0;
  for (let i = 0; i < want.length; i++) {
    const excess = got[i] === want[i] ? 0 : excessOf(got[i]!, want[i]!, limit(i), nan);
    if (excess === 0) continue;
    numWrong++;
    if (excess <= worstExcess) continue;
    worstIndex = i;
    worstExcess = excess;
  }
  if (worstIndex < 0) return agreement(want.length, 'within the bound', options);
  const worst = { index: worstIndex, got: got[worstIndex]!, want: want[worstIndex]! };
  const allowed = limit(worst.index);
  const error = Math.abs(worst.got - worst.want);
  const excess = Number.isFinite(worstExcess)
    ? `, error ${shownNumber(error)} = ${factor(worstExcess)} × the bound`
    : '';
  const values = `is ${shownNumber(worst.got)}, expected ${shownNumber(worst.want)}${allowed === 0 ? '' : ` ± ${allowed}`}${excess}`;
  const place = placeOf(worst.index, want.length, options);
  const message = `${prefix(options)}${place} ${values}; ${numWrong} of ${want.length} elements fail`;
  return { passes: false, message, numWrong, worst };
}

/** Error over bound of an element that is wrong, Infinity where there is no such number; 0 for one that is right. */
function excessOf(got: number, want: number, allowed: number, nan: boolean): number {
  if (nan && Number.isNaN(got) && Number.isNaN(want)) return 0;
  const error = Math.abs(got - want);
  if (error <= allowed && error < Number.POSITIVE_INFINITY) return 0;
  return Number.isFinite(error) ? error / allowed : Number.POSITIVE_INFINITY;
}

function otherLength(got: number, want: number, options: CompareOptions): Comparison {
  const message = `${prefix(options)}got ${got} elements, expected ${want}`;
  return { passes: false, message, numWrong: Math.max(got, want), worst: null };
}

function agreement(length: number, how: string, options: CompareOptions): Comparison {
  const message = `${prefix(options)}all ${length} elements agree${how === 'bits' ? ' in all bits' : ` ${how}`}`;
  return { passes: true, message, numWrong: 0, worst: null };
}

function prefix({ label }: CompareOptions): string {
  return label === undefined ? '' : `${label}: `;
}

/** Names an element: by its coordinates where the shape is known. */
function placeOf(index: number, length: number, { shape }: CompareOptions): string {
  if (shape === undefined) return `element ${index} of ${length}`;
  const coordinates: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    coordinates.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `element [${coordinates.join(', ')}] of [${shape.join(', ')}]`;
}

function checkShape({ shape }: CompareOptions, length: number): void {
  if (shape !== undefined && numElements(shape) !== length) {
    throw new RangeValueError('shape', shape, `one of the ${length} elements that are compared`);
  }
}

function checkNumbers(name: string, numbers: unknown): void {
  if (!isNumbers(numbers)) throw new RangeValueError(name, numbers, 'a list of numbers or a typed array');
}

/** Tells whether a value is a list or typed array whose first element is a number. */
function isNumbers(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 || typeof value[0] === 'number';
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** Bits of the elements, as unsigned integers. */
function wordsOf(name: string, array: NumberArray): ArrayLike<number | bigint> {
  if (!ArrayBuffer.isView(array) || array instanceof DataView) throw new RangeValueError(name, array, 'a typed array');
  const { buffer, byteOffset, length } = array;
  switch (bytesOf(array)) {
    case 1:
      return new Uint8Array(buffer, byteOffset, length);
    case 2:
      return new Uint16Array(buffer, byteOffset, length);
    case 8:
      return new BigUint64Array(buffer, byteOffset, length);
    default:
      return new Uint32Array(buffer, byteOffset, length);
  }
}

function bytesOf({ byteLength, length }: NumberArray): number {
  return byteLength / Math.max(length, 1);
}

/** Writes a number; −0 is not 0. */
function shownNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function factor(excess: number): string {
  return excess >= 100 ? excess.toExponential(1) : excess.toPrecision(3);
}
