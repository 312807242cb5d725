// Options as a table of checks, one a key: an option without a check does not type-check, and an unknown key is refused.
import { RangeValueError } from './errors.ts';
import { checkKeys } from './keys.ts';

/** A check of one option's value. */
export interface Check {
  /** For the end of "expected …". */
  readonly expected: string;
  accepts(value: unknown): boolean;
}

/**
 * Checks one value.
 *
 * @throws RangeValueError for one that the check refuses.
 */
export function checkValue(name: string, value: unknown, { expected, accepts }: Check): void {
  if (!accepts(value)) throw new RangeValueError(name, value, expected);
}

/** A check for every key of T, optional ones included. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

/**
 * Checks an options object; an option that is undefined counts as left out.
 *
 * @param what names the object in the error, e.g. `options of loadModel`.
 * @throws RangeValueError for no object, an unknown key (with the nearest known one), and a value that its check refuses.
 */
export function checkOptions(what: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  checkKeys(what, options, checks);
  for (const [name, check] of Object.entries(checks)) {
    const value: unknown = Reflect.get(Object(options), name);
    if (value !== undefined) checkValue(name, value, check);
  }
}

/** Accepts any text. */
export const text: Check = { expected: 'a text', accepts: (value) => typeof value === 'string' };
/** Accepts true and false. */
export const flag: Check = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
/** Accepts a function. */
export const callback: Check = { expected: 'a function', accepts: (value) => typeof value === 'function' };
/** Accepts an integer of either sign. */
export const integer: Check = { expected: 'an integer', accepts: Number.isInteger };
/** Accepts a number of things of which there is at least one. */
export const count: Check = { expected: 'an integer ≥ 1', accepts: (value) => isInteger(value, 1) };
/** Accepts a number of things. */
export const countOrNone: Check = { expected: 'an integer ≥ 0', accepts: (value) => isInteger(value, 0) };
/** Accepts the seed of random numbers. */
export const seed: Check = { expected: 'an integer in [0, 2^53)', accepts: (value) => isInteger(value, 0) };
/** Accepts a finite number above 0. */
export const positive: Check = {
  expected: 'a number > 0',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
};

/** Accepts an integer from `least` to `most`. */
export function integerIn(least: number, most: number): Check {
  return { expected: `an integer in [${least}, ${most}]`, accepts: (value) => isInteger(value, least, most) };
}

/** Accepts a finite number from `least` to `most`. */
export function numberIn(least: number, most: number): Check {
  return {
    expected: `a number in [${least}, ${most}]`,
    accepts: (value) => typeof value === 'number' && value >= least && value <= most,
  };
}

/** Accepts the id of a token of a vocabulary. */
export function tokenId(vocabSize: number): Check {
  return { expected: `an integer in [0, ${vocabSize})`, accepts: (value) => isInteger(value, 0, vocabSize - 1) };
}

/** Accepts some names. */
export function oneOf(names: readonly string[]): Check {
  return { expected: `one of ${names.join(', ')}`, accepts: (value) => names.some((name) => name === value) };
}

/** Tells whether a value is an integer that a number holds exactly, from `least` to `most`. */
function isInteger(value: unknown, least: number, most = Number.POSITIVE_INFINITY): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;
}
