// Largest error that a comparison of arrays accepts, in each form that callers write it.

import type { DType } from '../gpu/tensor-data.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Check, checkOptions } from '../util/option-checks.ts';
import type { Bound } from './bounds.ts';

/** abs + rel · |want|; either is 0 where it is left out. */
export interface Tolerance {
  readonly abs?: number;
  readonly rel?: number;
}

/** Largest |got − want|: of all elements, of each one, of `bounds`, or a tolerance. */
export type Limit = number | ArrayLike<number> | Bound | Tolerance;

/** Arrays whose comparison has a limit. */
export interface Compared {
  readonly got: ArrayLike<number>;
  readonly want: ArrayLike<number>;
  /** Σ|terms| of each element, for bounds of sums. */
  readonly magnitude?: ArrayLike<number> | undefined;
}

const EXPECTED = 'a number ≥ 0, a list of them with one for each element, a value of bounds, or { abs, rel }';
const size: Check = { expected: 'a number ≥ 0', accepts: isSize };
const CHECKS = { abs: size, rel: size };

/**
 * Makes a function of a limit, which gives that of an element by its index.
 *
 * @throws RangeValueError for a limit that is none, or has another number of elements than the arrays; in a call, for a
 * bound of sums without magnitude.
 */
export function limitOf(limit: Limit, { got, want, magnitude }: Compared): (index: number) => number {
  if (typeof limit === 'number') {
    if (!isSize(limit)) throw new RangeValueError('bound', limit, EXPECTED);
    return () => limit;
  }
  if (typeof limit !== 'object' || limit === null) throw new RangeValueError('bound', limit, EXPECTED);
  if ('length' in limit) {
    checkList('bound', limit, want.length);
    return (index) => limit[index] ?? 0;
  }
  if ('toleranceOf' in limit) {
    if (magnitude !== undefined) checkList('magnitude', magnitude, want.length);
    const dtype = dtypeOf(got);
    return (index) => limit.toleranceOf({ want: want[index] ?? 0, magnitude: magnitude?.[index], dtype });
  }
  checkOptions('bound', limit, CHECKS);
  const { abs = 0, rel = 0 } = limit;
  return (index) => abs + rel * Math.abs(want[index] ?? 0);
}

function checkList(name: string, list: ArrayLike<number>, length: number): void {
  if (list.length !== length)
    throw new RangeValueError(`${name}.length`, list.length, `${length}, one for each element`);
  for (let i = 0; i < length; i++) {
    if (!isSize(list[i])) throw new RangeValueError(`${name}[${i}]`, list[i], 'a number ≥ 0');
  }
}

function isSize(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}

/** Element type of an output; numbers of any other array are taken for f32. */
function dtypeOf(got: ArrayLike<number>): DType {
  if (got instanceof Float16Array) return 'f16';
  if (got instanceof Int32Array) return 'i32';
  return got instanceof Uint32Array ? 'u32' : 'f32';
}
