// Derived numbers of the reports. Where there is nothing to divide there is no figure: null in JSON and a dash in text,
// never NaN or Infinity, and never 0 for what was not measured.

/** Number of a report; null where there is none. */
export type Figure = number | null;

/** Text of a missing figure. */
export const NO_FIGURE = '-';

/** Divides; null when either is missing or the quotient is not finite, as after a division by 0. */
export function ratio(dividend: Figure, divisor: Figure): Figure {
  if (dividend === null || divisor === null) return null;
  const quotient = dividend / divisor;
  return Number.isFinite(quotient) ? quotient : null;
}

/** Applies a function to a figure, unless it is missing. */
export function mapFigure(figure: Figure, apply: (value: number) => number): Figure {
  return figure === null ? null : apply(figure);
}

/** Formats a figure with `digits` digits after the point, and its unit; a dash alone when it is missing. */
export function formatFigure(figure: Figure, digits: number, unit = ''): string {
  return figure === null || !Number.isFinite(figure) ? NO_FIGURE : figure.toFixed(digits) + unit;
}

/** Formats a share of 1 in percent. */
export function formatPercent(share: Figure, digits = 1): string {
  return formatFigure(
    mapFigure(share, (value) => 100 * value),
    digits,
    ' %',
  );
}
