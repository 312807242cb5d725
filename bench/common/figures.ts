// Derived numbers of the reports, by one rule: where there is nothing to divide there is no figure, which is null in JSON
// and a dash in text; never NaN or Infinity, and never 0 for something that was not measured.

/** A number, or null where there is none. */
export type Figure = number | null;

/** Stands in a text where there is no figure. */
export const NO_FIGURE = '-';

/** Divides; null where either is missing or the quotient, as that by 0, is no finite number. */
export function ratio(dividend: Figure, divisor: Figure): Figure {
  if (dividend === null || divisor === null) return null;
  const quotient = dividend / divisor;
  return Number.isFinite(quotient) ? quotient : null;
}

/** Applies a function to a figure that is there. */
export function mapFigure(figure: Figure, apply: (value: number) => number): Figure {
  return figure === null ? null : apply(figure);
}

/** Shows a figure with `digits` digits after the point, and its unit; a dash alone where there is none. */
export function formatFigure(figure: Figure, digits: number, unit = ''): string {
  return figure === null || !Number.isFinite(figure) ? NO_FIGURE : figure.toFixed(digits) + unit;
}

/** Shows a share of 1 in percent. */
export function formatPercent(share: Figure, digits = 1): string {
  return formatFigure(
    mapFigure(share, (value) => 100 * value),
    digits,
    ' %',
  );
}
