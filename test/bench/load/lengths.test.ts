// Drawn lengths against the bounds and quantiles of their distribution.
import { describe, expect, test } from 'vitest';
import { drawLength, parseLengths } from '../../../bench/load/lengths.ts';
import { RandomStream } from '../../../bench/load/random-stream.ts';

function draws(text: string, max: number, count = 4000): number[] {
  const lengths = parseLengths('--input-len', text);
  const random = new RandomStream(1, 'input lengths');
  return Array.from({ length: count }, () => drawLength(lengths, random, max));
}

describe('parseLengths and drawLength', () => {
  test('take one length, a range, or a lognormal distribution', () => {
    expect(new Set(draws('7', 100))).toEqual(new Set([7]));
    expect([...new Set(draws('5-8', 100))].sort()).toEqual([5, 6, 7, 8]);
    const sorted = draws('lognormal:100:0.5', 1e6).sort((a, b) => a - b);
    // The rank of the median is binomial: ±5 · √4000 / 2 ranks are ±4 % of them, where the density is 0.8 / ln-unit.
    expect(Math.abs(sorted[2000]! / 100 - 1)).toBeLessThan(0.06);
    // P(x < 100 · e^(−0.5)) = Φ(−1) = 0.1587, ± 5 · √(0.1587 · 0.8413 / 4000).
    const share = sorted.filter((length) => length < 100 * Math.exp(-0.5)).length / 4000;
    expect(Math.abs(share - 0.1587)).toBeLessThan(0.03);
  });

  test('clip the tail of a lognormal distribution to the context, and keep the bounds of a uniform one', () => {
    const lengths = draws('lognormal:100:2', 120);
    expect(Math.max(...lengths)).toBe(120);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(1);
    expect(new Set(draws('500', 120))).toEqual(new Set([500]));
  });

  test.each([
    '0',
    '-3',
    '8-5',
    '1.5',
    '',
    'many',
    'lognormal:100',
    'lognormal:0:1',
    'lognormal:100:-1',
    '0-4',
    'NaN',
    '1e9',
    '3-',
    '16–64',
    'lognormal:NaN:1',
    `1-${'9'.repeat(30)}`,
    `lognormal:${'9'.repeat(400)}:1`,
  ])('refuse %j', (text) => {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    const message = `--input-len is "${shown}", expected N, MIN-MAX or lognormal:MEDIAN:SIGMA, in tokens from 1 on`;
    expect(() => parseLengths('--input-len', text)).toThrow(
      expect.objectContaining({ name: 'RangeValueError', message }),
    );
  });
});
