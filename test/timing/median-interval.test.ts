// The interval of a median, against binomial probabilities that are summed exactly, and against draws from skewed distributions.
import { expect, test } from 'vitest';
import { medianInterval, medianRatioInterval } from '../../src/timing/median-interval.ts';
import { uniform } from '../../src/util/rng.ts';

/** P(B ≤ k) of n throws of a coin, from whole numbers. */
function binomial(n: number, k: number): number {
  let ways = 1n;
  let sum = 0n;
  for (let i = 0; i <= k; i++) {
    sum += ways;
    ways = (ways * BigInt(n - i)) / BigInt(i + 1);
  }
  return Number((sum * 10n ** 15n) / 2n ** BigInt(n)) / 1e15;
}

test.each([
  [6, 1],
  [20, 6],
  [25, 8],
  [100, 40],
  [2000, 956],
])('of %i samples it is that of the order statistic %i and its mirror image', (n, k) => {
  const samples = Array.from({ length: n }, (_, i) => n - i);
  const { low, high, coverage } = medianInterval(samples)!;
  expect([low, high]).toEqual([k, n + 1 - k]);
  expect(coverage).toBeCloseTo(1 - 2 * binomial(n, k - 1), 9);
  expect(coverage).toBeGreaterThanOrEqual(0.95);
  // The next narrower one covers less.
  expect(1 - 2 * binomial(n, k)).toBeLessThan(0.95);
});

test('there is none of samples too few for the confidence', () => {
  expect(medianInterval([])).toBeNull();
  expect(medianInterval([1, 2, 3, 4, 5])).toBeNull();
  expect(medianInterval([1, 2, 3, 4, 5, 6], 0.97)).toBeNull();
  expect(medianInterval([1, 2, 3], 0.7)).toMatchObject({ low: 1, high: 3, coverage: 0.75 });
});

test('it holds the median of a skewed distribution with outliers as often as it says', () => {
  const [trials, n] = [2000, 20];
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    // 1 + an exponential distribution, whose median is ln 2, and one sample in ten a hundred times as long: of ranks above the median
    // nine tenths stay, so the median of the mixture is where 0.9 (1 − e^−x) = 1/2 − (share of outliers below it, which is none).
    const samples = Array.from({ length: n }, (_, i) => {
      const time = 1 - Math.log(uniform(7, trial, 2 * i));
      return uniform(7, trial, 2 * i + 1) < 0.1 ? 100 * time : time;
    });
    const median = 1 - Math.log(1 - 0.5 / 0.9);
    const { low, high } = medianInterval(samples)!;
    if (low <= median && median <= high) held++;
  }
  // Coverage 0.9586; of 2,000 trials its standard deviation is 0.0045, and 4 of them are allowed.
  expect(Math.abs(held / trials - 0.9586)).toBeLessThan(0.018);
});

test('the interval of a ratio of medians is that of the widest quotient, and takes 7 samples of either', () => {
  const samples = (n: number, times: number) => Array.from({ length: n }, (_, i) => times * (i + 10));
  const { low, high, coverage } = medianRatioInterval(samples(7, 2), samples(8, 1))!;
  // Of 7 and of 8 samples the order statistics 1 and n hold with 1 − 2⁻⁶ and 1 − 2⁻⁷.
  expect([low, high]).toEqual([20 / 17, 32 / 10]);
  expect(coverage).toBeCloseTo(1 - 2 ** -6 - 2 ** -7, 12);
  expect(medianRatioInterval(samples(6, 1), samples(20, 1))).toBeNull();
  expect(medianRatioInterval(samples(20, 1), samples(6, 1))).toBeNull();
  expect(medianRatioInterval(samples(7, 1), samples(7, 0))).toBeNull();
});
