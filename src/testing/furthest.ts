// The element of an output that is furthest out in parts of its tolerance: what reports and messages name.

/** Element of an output, and how far out it is. */
export interface FurthestElement {
  readonly index: number;
  readonly got: number;
  readonly want: number;
  /** |got − want|; NaN where one of them is NaN. */
  readonly error: number;
  /** Largest error that is right. */
  readonly tolerance: number;
}

/** Numbers, and what is right of each. */
export interface ComparedOutput {
  readonly got: ArrayLike<number>;
  readonly wantOf: (index: number) => number;
  readonly toleranceOf: (index: number) => number;
  /** Tells of an element that it is not compared. */
  readonly skips?: (index: number) => boolean;
}

/** Outcome of a comparison of all elements. */
export interface Furthest {
  /** Null where all are equal to what is right, NaN to NaN; the first whose error is NaN where there is one. */
  readonly element: FurthestElement | null;
  /** Elements beyond their tolerance. */
  readonly numWrong: number;
}

/** Finds the element that is furthest out. */
export function furthestElement({ got, wantOf, toleranceOf, skips }: ComparedOutput): Furthest {
  let element: FurthestElement | null = null;
  let numWrong = 0;
  for (let index = 0; index < got.length; index++) {
    const [has, want] = [got[index]!, wantOf(index)];
    if (Object.is(has, want) || has === want || skips?.(index)) continue;
    const [error, tolerance] = [Math.abs(has - want), toleranceOf(index)];
    if (!(error <= tolerance)) numWrong++;
    if (element !== null && Number.isNaN(element.error)) continue;
    if (element === null || Number.isNaN(error) || error / tolerance > element.error / element.tolerance) {
      element = { index, got: has, want, error, tolerance };
    }
  }
  return { element, numWrong };
}
