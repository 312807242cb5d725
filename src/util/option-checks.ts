// Options as a table of checks, one a key: an option without a check does not type-check, and an unknown key is refused.
import { RangeValueError } from './errors.ts';
import { checkKeys } from './keys.ts';

/** A check of one option's value. */
export interface Check {
  /** For the end of "expected …". */
  readonly expected: string;
  accepts(value: unknown): boolean;
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
  for (const [name, { expected, accepts }] of Object.entries(checks)) {
    const value: unknown = Reflect.get(Object(options), name);
    if (value !== undefined && !accepts(value)) throw new RangeValueError(name, value, expected);
  }
}

export const text: Check = { expected: 'a text', accepts: (value) => typeof value === 'string' };
export const flag: Check = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
export const callback: Check = { expected: 'a function', accepts: (value) => typeof value === 'function' };
export const count: Check = {
  expected: 'an integer ≥ 1',
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 1,
};
export const seed: Check = {
  expected: 'an integer in [0, 2^53)',
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
};

/** Accepts some names. */
export function oneOf(names: readonly string[]): Check {
  return { expected: `one of ${names.join(', ')}`, accepts: (value) => names.some((name) => name === value) };
}
