// Exports of 'roseinfer/testing/vitest': importing it adds the matchers to vitest's `expect`.
import { expect } from 'vitest';
import {
  type CompareOptions,
  type CompareWithinOptions,
  type Comparison,
  compareBits,
  compareWithin,
  type NumberArray,
} from './comparison.ts';
import type { Limit } from './limit.ts';

/** Matchers that importing 'roseinfer/testing/vitest' adds to `expect`. */
export interface ArrayMatchers {
  /**
   * Expects an array of the same type and bits; see `compareBits`.
   *
   * @throws RangeValueError as `compareBits`.
   */
  toEqualBits(want: NumberArray, options?: CompareOptions): void;

  /**
   * Expects |got − want| ≤ bound for each element; see `compareWithin`.
   *
   * @throws RangeValueError as `compareWithin`.
   */
  toBeWithin(want: ArrayLike<number>, bound: Limit, options?: CompareWithinOptions): void;
}

declare module 'vitest' {
  interface Matchers<T> extends ArrayMatchers {}
}

function resultOf({ passes, message }: Comparison) {
  return { pass: passes, message: () => message };
}

expect.extend({
  toEqualBits: (got: NumberArray, want: NumberArray, options?: CompareOptions) =>
    resultOf(compareBits(got, want, options)),
  toBeWithin: (got: ArrayLike<number>, want: ArrayLike<number>, bound: Limit, options?: CompareWithinOptions) =>
    resultOf(compareWithin(got, want, bound, options)),
});
