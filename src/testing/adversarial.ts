// Inputs that break kernels which are right on ordinary numbers, each with a name for messages.
import { numElements } from '../util/math.ts';
import { namesOf } from '../util/names-of.ts';
import { type Check, type Checks, checkOptions, seed } from '../util/option-checks.ts';
import { DISTRIBUTIONS, type Distribution } from './distributions.ts';
import {
  INTEGERS,
  type InputShape,
  type IntegerRange,
  type RandomIntegerOptions,
  random,
  rangeOf,
  sizesOf,
} from './random.ts';

/** An input and its name. */
export interface NamedInput<Data> {
  /** Name for messages. */
  readonly name: string;
  readonly data: Data;
}

/** Options of adversarial f32 inputs. */
export interface AdversarialOptions {
  /** Default: 0. */
  readonly seed?: number;
  /** Further distributions: `NaN`, `infinities` and `largest` are used only by name, for not every kernel promises something of them. */
  readonly also?: readonly Distribution[];
}

/** Makers of adversarial inputs. */
export interface Adversarial {
  /**
   * Makes f32 inputs, row-major, one of each distribution: `random(shape, { seed, distribution: name })` makes one again.
   *
   * @throws RangeValueError for a shape or options that are none.
   */
  (shape: InputShape, options?: AdversarialOptions): NamedInput<Float32Array>[];

  /**
   * Makes inputs of integers of [from, below): uniform, all least, all greatest, these two in turns, ascending and descending.
   *
   * @throws RangeValueError for a shape or options that are none, and for a range without a number of the type.
   */
  i32(shape: InputShape, options?: RandomIntegerOptions): NamedInput<Int32Array>[];

  /**
   * As `i32`, of u32.
   *
   * @throws RangeValueError for a shape or options that are none, and for a range without a number of the type.
   */
  u32(shape: InputShape, options?: RandomIntegerOptions): NamedInput<Uint32Array>[];
}

/** Distributions of numbers that every kernel must take. */
const USUAL: readonly Distribution[] = [
  'normal',
  'uniform',
  'outliers',
  'constant rows',
  'denormals',
  'zeros',
  'huge',
  'negative',
  'alternating',
  'ties',
];
const NAMES: readonly string[] = namesOf(DISTRIBUTIONS);
const ALSO: Check = {
  expected: `a list of ${NAMES.join(', ')}`,
  accepts: (value) => Array.isArray(value) && value.every((name) => NAMES.includes(name)),
};
const OPTIONS: Checks<AdversarialOptions> = { seed, also: ALSO };

function adversarial(shape: InputShape, options: AdversarialOptions = {}): NamedInput<Float32Array>[] {
  sizesOf(shape);
  checkOptions('options of adversarial', options, OPTIONS);
  const { seed = 0, also = [] } = options;
  return [...new Set([...USUAL, ...also])].map((name) => ({
    name,
    data: random(shape, { seed, distribution: name }),
  }));
}

/** Element by index of each input that has no random numbers. */
function patterns({ from, below }: IntegerRange): Readonly<Record<string, (index: number) => number>> {
  const greatest = below - 1;
  const numbers = below - from;
  return {
    least: () => from,
    greatest: () => greatest,
    ends: (i) => (i % 2 === 0 ? from : greatest),
    ascending: (i) => from + (i % numbers),
    descending: (i) => greatest - (i % numbers),
  };
}

function i32(shape: InputShape, options: RandomIntegerOptions = {}): NamedInput<Int32Array>[] {
  const length = numElements(sizesOf(shape));
  const range = rangeOf('options of adversarial.i32', options, INTEGERS.i32);
  const others = Object.entries(patterns(range)).map(([name, elementAt]) => ({
    name,
    data: Int32Array.from({ length }, (_, i) => elementAt(i)),
  }));
  return [{ name: 'uniform', data: random.i32(shape, options) }, ...others];
}

function u32(shape: InputShape, options: RandomIntegerOptions = {}): NamedInput<Uint32Array>[] {
  const length = numElements(sizesOf(shape));
  const range = rangeOf('options of adversarial.u32', options, INTEGERS.u32);
  const others = Object.entries(patterns(range)).map(([name, elementAt]) => ({
    name,
    data: Uint32Array.from({ length }, (_, i) => elementAt(i)),
  }));
  return [{ name: 'uniform', data: random.u32(shape, options) }, ...others];
}

const makers: Adversarial = Object.assign(adversarial, { i32, u32 });

/**
 * Inputs that break kernels: `adversarial(shape)` of f32 (outliers, constant rows, denormals, zeros of both signs, huge numbers,
 * numbers far below 0, sums that cancel, ties), `adversarial.i32(shape)` and `adversarial.u32(shape)`.
 *
 * @example The naive softmax fails where exp leaves f32
 * ```ts
 * import { adversarial } from 'roseinfer/testing';
 *
 * for (const { name, data } of adversarial([2, 8], { seed: 1 })) {
 *   const sum = data.reduce((total, x) => Math.fround(total + Math.fround(Math.exp(x))), 0);
 *   if (!Number.isFinite(sum)) console.log(`${name}: the sum is ${sum}`);
 * }
 * ```
 * It prints:
 * ```text
 * outliers: the sum is Infinity
 * huge: the sum is Infinity
 * ```
 */
export { makers as adversarial };
