// Drawn arrivals against the moments and the distribution that their flags name, within five standard errors.
import { describe, expect, test } from 'vitest';
import { drawArrivals } from '../../../bench/load/arrivals.ts';
import { RandomStream } from '../../../bench/load/random-stream.ts';

/** Mean and variance of samples. */
function moments(samples: readonly number[]): { mean: number; variance: number } {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const variance = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / samples.length;
  return { mean, variance };
}

function gapsOf(times: readonly number[]): number[] {
  return times.map((time, index) => time - (times[index - 1] ?? 0));
}

const N = 20_000;

describe('drawArrivals', () => {
  test.each([0.3, 1, 4])('draws gaps with mean 1 / rate and squared variation 1 / burstiness, at %d', (burstiness) => {
    const gaps = gapsOf(drawArrivals(N, { rate: 50, burstiness, seed: 1 }));
    const { mean, variance } = moments(gaps);
    // A mean of N gaps has relative standard error 1 / √(N · burstiness), their variance about √((2 + 6 / burstiness) / N)
    // (the kurtosis of a gamma distribution is 3 + 6 / shape): five of each.
    expect(Math.abs(mean / 20 - 1)).toBeLessThan(5 / Math.sqrt(N * burstiness));
    expect(Math.abs((variance * burstiness) / 400 - 1)).toBeLessThan(5 * Math.sqrt((2 + 6 / burstiness) / N));
  });

  test('is a Poisson process by default: its gaps are exponential', () => {
    const gaps = gapsOf(drawArrivals(N, { rate: 1, burstiness: 1, seed: 2 })).sort((a, b) => a - b);
    // Kolmogorov's statistic against 1 − exp(−t / 1000); 1.95 / √N is its 0.1 % point. Gaps that are even fail by far.
    const distance = (cdf: (gap: number) => number) =>
      Math.max(...gaps.map((gap, i) => Math.max(Math.abs(cdf(gap) - i / N), Math.abs(cdf(gap) - (i + 1) / N))));
    expect(distance((gap) => 1 - Math.exp(-gap / 1000))).toBeLessThan(1.95 / Math.sqrt(N));
    expect(distance((gap) => Math.min(gap / 2000, 1))).toBeGreaterThan(0.1);
  });

  test('ascends, and is the same for the same seed only', () => {
    const draw = (seed: number) => drawArrivals(100, { rate: 3, burstiness: 0.5, seed });
    const times = draw(7);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(draw(7)).toEqual(times);
    expect(draw(8)).not.toEqual(times);
  });

  test('is all at once without a rate', () => {
    expect(drawArrivals(3, { rate: 'inf', burstiness: 1, seed: 0 })).toEqual([0, 0, 0]);
  });
});

describe('RandomStream', () => {
  test('draws normal numbers with mean 0 and variance 1', () => {
    const random = new RandomStream(3, 'step times');
    const { mean, variance } = moments(Array.from({ length: N }, () => random.normal()));
    // Standard errors 1 / √N and √(2 / N): five of each.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(N));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / N));
  });

  test('draws every integer of a range and no other', () => {
    const random = new RandomStream(4, 'input lengths');
    const drawn = new Set(Array.from({ length: 500 }, () => random.integer(3, 7)));
    expect([...drawn].sort()).toEqual([3, 4, 5, 6, 7]);
  });

  test('has other numbers for another purpose', () => {
    const draw = (purpose: 'arrivals' | 'input lengths') => new RandomStream(5, purpose).uniform();
    expect(draw('arrivals')).not.toBe(draw('input lengths'));
  });
});
