// Bounds are what their names say, in the units of the output's element type.
import { expect, test } from 'vitest';
import { bounds } from '../../src/testing/bounds.ts';

/** Smallest normal f32. */
const TINY = 2 ** -126;

test.each([
  ['exact', bounds.exact, 5, 0],
  ['two ulps of a number in [1, 2)', bounds.ulps(2), 1.5, 2 ** -22 + TINY],
  ['an ulp just below 2', bounds.ulps(1), -(2 - 2 ** -23), 2 ** -23 + TINY],
  ['an ulp of 0, which is a subnormal', bounds.ulps(1), 0, 2 ** -149 + TINY],
  ['a part of the value', bounds.relative(0.5), -3, 1.5 + TINY],
  ['the same for all', bounds.absolute(0.25), 1e30, 0.25],
])('%s', (_, bound, want, tolerance) => {
  expect(bound.toleranceOf({ want, dtype: 'f32' })).toBe(tolerance);
});

test('units are those of the element type', () => {
  expect(bounds.ulps(1).toleranceOf({ want: 1, dtype: 'f16' })).toBe(2 ** -10 + 2 ** -14);
  expect(bounds.ulps(3).toleranceOf({ want: 1000, dtype: 'u32' })).toBe(3);
});

test('a sum may err by a rounding of each of its operations', () => {
  expect(bounds.sum(8).toleranceOf({ want: 0, magnitude: 16, dtype: 'f32' })).toBe(10 * 2 ** -24 * 16 + TINY);
  expect(() => bounds.sum(8).toleranceOf({ want: 0, dtype: 'f32' })).toThrow('Σ|terms|');
});

test.each([
  [() => bounds.ulps(0.5), 'bounds.ulps is 0.5, expected an integer ≥ 0'],
  [() => bounds.relative(Number.NaN), 'bounds.relative is NaN, expected a number ≥ 0'],
  [() => bounds.absolute(-1), 'bounds.absolute is -1, expected a number ≥ 0'],
  [() => bounds.sum(Number.POSITIVE_INFINITY), 'bounds.sum is Infinity, expected an integer ≥ 0'],
])('a bound without its number is refused', (make, message) => {
  expect(make).toThrow(message);
});
