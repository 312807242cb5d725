// Random inputs by shape: the same seed gives the same numbers on every machine.
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';
import { namesOf } from '../util/names-of.ts';
import { type Check, type Checks, checkOptions, checkValue, integerIn, oneOf, seed } from '../util/option-checks.ts';
import { pcg4d, splitSeed } from '../util/rng.ts';
import { DISTRIBUTIONS, type Distribution } from './distributions.ts';

/** Sizes of a tensor, or the length of a vector. */
export type InputShape = number | readonly number[];

/** Options of random f32 numbers. */
export interface RandomOptions {
  /** Default: 0. */
  readonly seed?: number;
  /** Default: `normal`, with mean 0 and variance 1. */
  readonly distribution?: Distribution;
  /** Times the numbers of the distribution, those of `zeros` and `largest` excepted. Default: 1. */
  readonly scale?: number;
}

/** Options of random integers. */
export interface RandomIntegerOptions {
  /** Default: 0. */
  readonly seed?: number;
  /** The least number. Default: that of the type. */
  readonly from?: number;
  /** The greatest number is one less. Default: one beyond that of the type. */
  readonly below?: number;
}

/** Makers of random inputs. */
export interface Random {
  /**
   * Makes f32 numbers, row-major.
   *
   * @throws RangeValueError for a shape or options that are none.
   */
  (shape: InputShape, options?: RandomOptions): Float32Array;

  /**
   * Makes integers of [from, below), uniform.
   *
   * @throws RangeValueError for a shape or options that are none, and for a range without a number of the type.
   */
  i32(shape: InputShape, options?: RandomIntegerOptions): Int32Array;

  /**
   * Makes integers of [from, below), uniform.
   *
   * @throws RangeValueError for a shape or options that are none, and for a range without a number of the type.
   */
  u32(shape: InputShape, options?: RandomIntegerOptions): Uint32Array;
}

/** Integers from `from` to `below` − 1. */
export interface IntegerRange {
  readonly from: number;
  readonly below: number;
}

/** Ranges of the integer types. */
export const INTEGERS = {
  i32: { from: -(2 ** 31), below: 2 ** 31 },
  u32: { from: 0, below: 2 ** 32 },
} as const satisfies Readonly<Record<string, IntegerRange>>;

const isSize = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const SHAPE: Check = {
  expected: 'an integer ≥ 0, or a list of them',
  accepts: (value) => (Array.isArray(value) ? value.every(isSize) : isSize(value)),
};
const SCALE: Check = { expected: 'a finite number', accepts: (value) => Number.isFinite(value) };
const OPTIONS: Checks<RandomOptions> = { seed, distribution: oneOf(namesOf(DISTRIBUTIONS)), scale: SCALE };

/**
 * Checks the shape of inputs.
 *
 * @returns its sizes.
 * @throws RangeValueError for one that is none.
 */
export function sizesOf(shape: InputShape): readonly number[] {
  checkValue('shape', shape, SHAPE);
  return typeof shape === 'number' ? [shape] : shape;
}

/**
 * Completes the range of random integers.
 *
 * @throws RangeValueError for options that are none, and for a range without a number of the type.
 */
export function rangeOf(what: string, options: RandomIntegerOptions, type: IntegerRange): IntegerRange {
  checkOptions(what, options, {
    seed,
    from: integerIn(type.from, type.below - 1),
    below: integerIn(type.from + 1, type.below),
  });
  const { from = type.from, below = type.below } = options;
  if (from >= below) throw new RangeValueError('below', below, `an integer above from, which is ${from}`);
  return { from, below };
}

function random(shape: InputShape, options: RandomOptions = {}): Float32Array {
  const sizes = sizesOf(shape);
  checkOptions('options of random', options, OPTIONS);
  const { seed = 0, distribution = 'normal', scale = 1 } = options;
  const width = sizes.at(-1) ?? 1;
  return DISTRIBUTIONS[distribution](seed, { rows: numElements(sizes.slice(0, -1)), width }, scale);
}

function integers(seed: number, length: number, { from, below }: IntegerRange): Float64Array {
  const [low, high] = splitSeed(seed);
  const out = new Float64Array(length);
  for (let i = 0; i < length; i += 4) {
    const words = pcg4d(low, high, i, 0);
    for (let j = 0; j < 4 && i + j < length; j++)
      out[i + j] = from + Math.floor((words[j]! / 2 ** 32) * (below - from));
  }
  return out;
}

function i32(shape: InputShape, options: RandomIntegerOptions = {}): Int32Array {
  const length = numElements(sizesOf(shape));
  return Int32Array.from(integers(options?.seed ?? 0, length, rangeOf('options of random.i32', options, INTEGERS.i32)));
}

function u32(shape: InputShape, options: RandomIntegerOptions = {}): Uint32Array {
  const length = numElements(sizesOf(shape));
  return Uint32Array.from(
    integers(options?.seed ?? 0, length, rangeOf('options of random.u32', options, INTEGERS.u32)),
  );
}

const makers: Random = Object.assign(random, { i32, u32 });

/**
 * Random inputs: `random(shape)` of f32, `random.i32(shape)` and `random.u32(shape)`.
 *
 * @example Queries, and ids of a vocabulary
 * ```ts
 * import { random } from 'roseinfer/testing';
 *
 * const q = random([4, 64], { seed: 1, distribution: 'outliers' });
 * const ids = random.u32(4, { seed: 2, below: 50257 });
 * console.log(q.length, ids.every((id) => id < 50257)); // 256 true
 * ```
 */
export { makers as random };
