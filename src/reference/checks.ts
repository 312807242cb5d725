// Checks of the oracles' inputs: an array of f32 would be rounded in silence, and a missing size would turn into NaN.
import { RangeValueError } from '../util/errors.ts';
import { checkKeys } from '../util/keys.ts';
import { type Check, type Checks, checkValue, countOrNone } from '../util/option-checks.ts';

/** Accepts any finite number. */
export const finite: Check = { expected: 'a finite number', accepts: (value) => Number.isFinite(value) };

/** Accepts a finite number ≥ 0. */
export const natural: Check = {
  expected: 'a finite number ≥ 0',
  accepts: (value) => typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY,
};

/**
 * Checks an array of an oracle.
 *
 * @param length elements that it must have; any number when absent.
 * @throws RangeValueError for another type or length.
 */
export function checkArray(name: string, array: Float64Array, length?: number): void {
  if (!(array instanceof Float64Array)) {
    throw new RangeValueError(name, array, 'a Float64Array (Float64Array.from makes one)');
  }
  if (length !== undefined && array.length !== length) {
    throw new RangeValueError(`${name}.length`, array.length, String(length));
  }
}

/**
 * Checks an object of which all keys are needed, but for those whose checks accept undefined.
 *
 * @param what names the object in the error.
 * @throws RangeValueError for no object, an unknown key, and a value that its check refuses.
 */
export function checkComplete<T extends object>(what: string, value: T, checks: Checks<T>): void {
  checkKeys(what, value, checks);
  for (const [name, check] of Object.entries<Check>(checks)) {
    checkValue(`${name} of ${what}`, Reflect.get(value, name), check);
  }
}

/** Accepts what a check accepts, and undefined. */
export function optional({ expected, accepts }: Check): Check {
  return { expected, accepts: (value) => value === undefined || accepts(value) };
}

/** Checks of sizes by name. */
export function sizes<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, Check>>;
export function sizes(...names: readonly string[]): Readonly<Record<string, Check>> {
  return Object.fromEntries(names.map((name) => [name, countOrNone]));
}
