import { type Figure, NO_FIGURE } from '../common/figures.ts';

/** What an experiment measured, against what it was to show. */
export interface Claim {
  /** What was compared, as a sentence. */
  readonly title: string;
  /** The numbers behind it, a line each. */
  readonly details: readonly string[];
  /** Null when what was measured gives none: the claim is missed then. */
  readonly ratio: Figure;
  /** The ratio's bound. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

/** Whether the ratio keeps its bound. */
export function holds({ ratio, bound }: Claim): boolean {
  if (ratio === null) return false;
  return 'atMost' in bound ? ratio <= bound.atMost : ratio >= bound.atLeast;
}

/** The claim as a section of text. */
export function formatClaim(claim: Claim): string {
  const { title, details, ratio, bound } = claim;
  const expected = 'atMost' in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
  const verdict = `ratio ${ratio?.toPrecision(3) ?? NO_FIGURE}, expected ${expected}: ${holds(claim) ? 'holds' : 'MISSED'}`;
  return [title, ...details.map((line) => `  ${line}`), `  ${verdict}`].join('\n');
}
