// Values quoted in messages: one line of bounded length, whatever a caller passes.
import { expect, test } from 'vitest';
import { clip, quote } from '../../src/util/quote.ts';

test('any value is shown on one line of bounded length', () => {
  const values: [unknown, string][] = [
    ['a\nb', '"a\\nb"'],
    [Number.NaN, 'NaN'],
    [-0, '0'],
    [10n, '10'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [{ constructor: 5 }, 'an object'],
    [new Date(0), 'an object of class Date'],
    [[1, 'a', null, [2]], '[1, "a", null, […]]'],
    [function named() {}, 'function named'],
    [() => {}, 'function'],
  ];
  for (const [value, text] of values) expect(quote(value)).toBe(text);
  for (const value of [
    'x'.repeat(1e6),
    Array.from({ length: 1e6 }, () => 'y'),
    10n ** 5000n,
    Symbol('z\n'.repeat(999)),
  ]) {
    expect(quote(value).length).toBeLessThan(110);
    expect(quote(value)).not.toContain('\n');
  }
});

test('a cut leaves no half of a character', () => {
  expect(clip('ab😀c', 3)).toBe('ab…');
  expect(clip('ab😀c', 4)).toBe('ab😀…');
  expect(clip('ab😀c', 5)).toBe('ab😀c');
});
