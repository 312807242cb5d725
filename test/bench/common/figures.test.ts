// Figures of any numbers are finite or missing, and print as a number or a dash.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatFigure, formatPercent, ratio } from '../../../src/util/figures.ts';

describe('ratio', () => {
  test('is a quotient where there is one', () => {
    expect(ratio(3, 4)).toBe(0.75);
    expect(ratio(0, 4)).toBe(0);
  });

  test.each([
    [1, 0],
    [0, 0],
    [-1, 0],
    [1, -0],
    [null, 1],
    [1, null],
    [NaN, 1],
    [1, NaN],
    [Infinity, 1],
    [Infinity, Infinity],
    [1e308, 1e-308],
  ])('is null for %d / %d', (dividend, divisor) => {
    expect(ratio(dividend, divisor)).toBeNull();
  });

  test('is never anything that JSON has no number for', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (dividend, divisor) => {
        const figure = ratio(dividend, divisor);
        expect(figure === null || Number.isFinite(figure)).toBe(true);
      }),
    );
  });
});

test('a figure has its digits and its unit, and a dash without either where there is none', () => {
  expect(formatFigure(1.005, 1, ' ms')).toBe('1.0 ms');
  expect(formatPercent(0.125)).toBe('12.5 %');
  for (const none of [null, NaN, Infinity]) {
    expect(formatFigure(none, 2, ' ms')).toBe('-');
    expect(formatPercent(none)).toBe('-');
  }
});
