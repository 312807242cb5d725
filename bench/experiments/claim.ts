// Claim of an experiment: a measured ratio and its bound.
import { type Figure, NO_FIGURE } from '../../src/util/figures.ts';

/** Ratio that an experiment measured, and the bound that it was to keep. */
export interface Claim {
  /** Title of the comparison. */
  readonly title: string;
  /** Lines with the numbers of the ratio. */
  readonly details: readonly string[];
  /** Null when the measurements give none; the claim is missed then. */
  readonly ratio: Figure;
  /** Bound of the ratio. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

/** Tells whether the ratio keeps its bound. */
export function holds({ ratio, bound }: Claim): boolean {
  if (ratio === null) return false;
  return 'atMost' in bound ? ratio <= bound.atMost : ratio >= bound.atLeast;
}

/** Formats a claim as a section of text. */
export function formatClaim(claim: Claim): string {
  const { title, details, ratio, bound } = claim;
  const expected = 'atMost' in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
  const verdict = `ratio ${ratio?.toPrecision(3) ?? NO_FIGURE}, expected ${expected}: ${holds(claim) ? 'holds' : 'MISSED'}`;
  return [title, ...details.map((line) => `  ${line}`), `  ${verdict}`].join('\n');
}
