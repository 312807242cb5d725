// Statistics against sums and places counted by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { summarize } from '../../../bench/common/statistics.ts';

describe('summarize', () => {
  test('is null without samples', () => {
    expect(summarize([])).toBeNull();
  });

  test('is the sample itself when there is one', () => {
    expect(summarize([7])).toEqual({ mean: 7, p50: 7, p99: 7 });
  });

  test('takes percentiles of sorted samples, between two of them in proportion', () => {
    // 0 … 100 in steps of 25: p50 is place 2, p99 is place 3.96.
    expect(summarize([100, 0, 75, 25, 50])).toEqual({ mean: 50, p50: 50, p99: 75 + 0.96 * 25 });
    expect(summarize([4, 1])).toEqual({ mean: 2.5, p50: 2.5, p99: expect.closeTo(1 + 0.99 * 3, 12) });
    // As numbers, not as text, and without changing the order of the samples.
    const samples = [10, 9, 1];
    expect(summarize(samples)?.p50).toBe(9);
    expect(samples).toEqual([10, 9, 1]);
  });

  test('keeps p50 ≤ p99 within the samples', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1 }), (samples) => {
        const { p50 = NaN, p99 = NaN } = summarize(samples) ?? {};
        expect(p50).toBeGreaterThanOrEqual(Math.min(...samples));
        expect(p99).toBeGreaterThanOrEqual(p50);
        expect(p99).toBeLessThanOrEqual(Math.max(...samples));
      }),
    );
  });
});
