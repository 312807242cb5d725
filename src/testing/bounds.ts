// Bounds of the error of an output, as values: what an element may differ by follows from its right value and from the operations
// behind it, never from what a kernel happens to give.
import type { DType } from '../gpu/tensor-data.ts';
import { sumBound } from '../reference/error-bounds.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Check, checkValue, countOrNone } from '../util/option-checks.ts';

/** Element of an output, as a bound sees it. */
export interface BoundedElement {
  /** Right value. */
  readonly want: number;
  /** Σ|terms| of the sum that it is; undefined where nobody gave it. */
  readonly magnitude?: number | undefined;
  readonly dtype: DType;
}

/** Bound of the error of an output's elements. */
export interface Bound {
  /** Name in messages, such as `relative(0.00001)`. */
  readonly label: string;
  /** Needs `magnitude`. */
  readonly needsMagnitude: boolean;
  /** Largest |got − want| that is right. */
  toleranceOf(element: BoundedElement): number;
}

/** Digits of the significand behind the point, and the exponent of the smallest normal number, of each float. */
const FLOATS = { f32: { digits: 23, lowest: -126 }, f16: { digits: 10, lowest: -14 } } as const;

const amount: Check = {
  expected: 'a number ≥ 0',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
};

/** Distance of neighbouring numbers of an element type at a value: 1 of integers. */
function ulp(value: number, dtype: DType): number {
  if (dtype !== 'f32' && dtype !== 'f16') return 1;
  const { digits, lowest } = FLOATS[dtype];
  const exponent = value === 0 ? lowest : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.max(exponent, lowest) - digits);
}

/** Smallest normal number of a float, below which an adapter may flush to zero; 0 of integers. */
function flushed(dtype: DType): number {
  return dtype === 'f32' || dtype === 'f16' ? 2 ** FLOATS[dtype].lowest : 0;
}

function bound(
  label: string,
  toleranceOf: (element: BoundedElement) => number,
  needsMagnitude: boolean = false,
): Bound {
  return { label, needsMagnitude, toleranceOf };
}

/**
 * Bounds of |got − want|, for `checkKernel`. All but `exact` and `absolute` add the smallest normal number of the element type, since
 * WGSL lets an adapter flush smaller ones to zero.
 */
export const bounds = {
  /** Equal: outputs that are copied, counted, or rounded as the reference rounds. 0 and −0 are equal. */
  exact: bound('exact', () => 0),

  /**
   * n units in the last place of the right value, in the output's element type.
   *
   * @throws RangeValueError unless n is an integer ≥ 0.
   */
  ulps(n: number): Bound {
    checkValue('bounds.ulps', n, countOrNone);
    return bound(`ulps(${n})`, ({ want, dtype }) => n * ulp(want, dtype) + flushed(dtype));
  },

  /**
   * r times the right value.
   *
   * @throws RangeValueError unless r is a number ≥ 0.
   */
  relative(r: number): Bound {
    checkValue('bounds.relative', r, amount);
    return bound(`relative(${r})`, ({ want, dtype }) => r * Math.abs(want) + flushed(dtype));
  },

  /**
   * The same for all elements.
   *
   * @throws RangeValueError unless a is a number ≥ 0.
   */
  absolute(a: number): Bound {
    checkValue('bounds.absolute', a, amount);
    return bound(`absolute(${a})`, () => a);
  },

  /**
   * (K + 2) u Σ|terms| with u = 2⁻²⁴: a sum of K products in f32, in any order, with fused multiply-adds or without (Higham,
   * Accuracy and Stability of Numerical Algorithms, § 3.1, to first order). Σ|terms| is the expectation's `magnitude`; where a
   * reference gives none, it is the reference of the absolute values of the inputs, which is right for sums of products.
   *
   * @throws RangeValueError unless K is an integer ≥ 0.
   */
  sum(K: number): Bound {
    checkValue('bounds.sum', K, countOrNone);
    const toleranceOf = ({ magnitude }: BoundedElement) => {
      if (magnitude === undefined) throw new RangeValueError('magnitude', magnitude, 'Σ|terms| for bounds.sum');
      return sumBound(magnitude, K);
    };
    return bound(`sum(${K})`, toleranceOf, true);
  },
} as const;
