// General bounds of the distance from float64: first order in the rounding of f32, u = 2^-24. A kernel's own bound stands
// in its folder.

import { RangeValueError } from '../util/errors.ts';

const U = 2 ** -24;
/** The smallest normal f32: below it an adapter may flush to zero. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * Bound for a sum of K products and a bias of which `magnitude` = Σ|x w| + |bias|: each of K products and K + 1 additions
 * rounds by u of at most that, whether or not fma is fused.
 *
 * @throws RangeValueError for anything but numbers.
 */
export function sumBound(magnitude: number, K: number): number {
  checkNumbers({ magnitude, K });
  return (K + 2) * U * magnitude + SMALLEST_NORMAL;
}

/**
 * Bound for adding a number that errs by `error`, with the sum `want`.
 *
 * @throws RangeValueError for anything but numbers.
 */
export function additionBound(error: number, want: number): number {
  checkNumbers({ error, want });
  return error + 2 * U * Math.abs(want);
}

/**
 * Bound for a number that errs by `error`, about `want`, once it is stored as f16: WGSL leaves open which neighbour it
 * becomes, and they are 2^-10 of it apart, or 2^-24 where f16 is subnormal.
 *
 * @throws RangeValueError for anything but numbers.
 */
export function halfBound(error: number, want: number): number {
  checkNumbers({ error, want });
  return error + 2 ** -10 * (Math.abs(want) + error) + 2 ** -24;
}

function checkNumbers(numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== 'number') throw new RangeValueError(name, value, 'a number');
  }
}
