// Curves of distributions: small enough for a page, and true to the samples that they stand for.
import { describe, expect, test } from 'vitest';
import { curveOf } from '../../../bench/charts/curve.ts';

const MAX_POINTS = 250;

describe('curveOf', () => {
  test('has a point for each of few samples, and rises from nothing to all of them', () => {
    expect(curveOf([30, 10, 20, 20], MAX_POINTS)).toEqual([
      { time: 10, share: 0 },
      { time: 10, share: 0.25 },
      { time: 20, share: 0.5 },
      { time: 20, share: 0.75 },
      { time: 30, share: 1 },
    ]);
  });

  test('has no more points for a hundred thousand samples than a page can show', () => {
    const curve = curveOf(
      Array.from({ length: 100_000 }, (_, index) => 100_000 - index),
      MAX_POINTS,
    );
    expect(curve.length).toBeLessThan(300);
    expect(curve[0]).toEqual({ time: 1, share: 0 });
    expect(curve.at(-1)).toEqual({ time: 100_000, share: 1 });
    const half = curve.find(({ share }) => share === 0.5)!;
    expect(half.time).toBeCloseTo(50_000.5, 6);
  });
});
