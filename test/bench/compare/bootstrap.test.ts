// Intervals by resampling: counted samples against listed ones, and how often an interval holds the ratio of what samples come from.
import { expect, test } from 'vitest';
import { summarize } from '../../../bench/common/statistics.ts';
import { bootstrapRatios, SamplePool } from '../../../bench/compare/bootstrap.ts';
import { uniform } from '../../../src/util/rng.ts';

test('a pool summarizes requests that are counted several times as if they were listed several times', () => {
  for (let trial = 0; trial < 200; trial++) {
    const draw = (i: number) => uniform(3, trial, i);
    const samples = Array.from({ length: 1 + Math.floor(9 * draw(0)) }, (_, request) =>
      // Whole numbers, so that some are equal.
      Array.from({ length: Math.floor(4 * draw(10 + request)) }, (_, i) =>
        Math.floor(20 * draw(100 + 10 * request + i)),
      ),
    );
    const counts = samples.map((_, request) => Math.floor(3 * draw(1000 + request)));
    const listed = samples.flatMap((own, request) => Array.from({ length: counts[request]! }, () => own).flat());
    const [found, want] = [new SamplePool(samples).summarize(counts), summarize(listed)];
    if (want === null) expect(found).toBeNull();
    else for (const key of ['mean', 'p50', 'p99'] as const) expect(found?.[key]).toBeCloseTo(want[key], 9);
  }
});

test('of requests that all take twice as long, every bound is 2', () => {
  const samples = Array.from({ length: 400 }, (_, i) => [1 + i, 2 + i]);
  const twice = samples.map((own) => own.map((value) => 2 * value));
  const [bounds] = bootstrapRatios([[new SamplePool(samples), new SamplePool(twice)]], 400);
  expect(bounds).toEqual({ mean: { low: 2, high: 2 }, p50: { low: 2, high: 2 }, p99: { low: 2, high: 2 } });
});

test('there are no bounds of fewer than 6 requests, and of a tail that no sample of 366 need reach', () => {
  const of = (length: number) => new SamplePool(Array.from({ length }, (_, i) => [i + 1]));
  const found = (length: number) => bootstrapRatios([[of(length), of(length)]], length)[0];
  expect(found(5)).toEqual({ mean: null, p50: null, p99: null });
  expect(found(6)).toMatchObject({ mean: { low: 1 }, p99: null });
  // 0.99³⁶⁶ = 0.0253 and 0.99³⁶⁷ = 0.02501, 0.99³⁶⁸ = 0.0248: the first below 0.025.
  expect(found(367)?.p99).toBeNull();
  expect(found(368)?.p99).toMatchObject({ low: 1, high: 1 });
});

test('bounds hold the ratio of the means of what the requests come from about as often as they say', () => {
  const [trials, n] = [100, 20];
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    // A request takes 1 + x, and in the second run 1.5 times that, scattered by half on its own; x is exponential of mean 1.
    const first = Array.from({ length: n }, (_, i) => [1 - Math.log(uniform(1, trial, i))]);
    const second = first.map(([time = 0], i) => [1.5 * time * (0.5 + uniform(2, trial, i))]);
    const [bounds] = bootstrapRatios([[new SamplePool(first), new SamplePool(second)]], n);
    const { low, high } = bounds!.mean!;
    if (low <= 1.5 && 1.5 <= high) held++;
  }
  // Of 0.95 a percentile bootstrap of 20 skewed samples lacks two or three hundredths; the standard deviation of 100 trials is 0.022,
  // and 4 of them are allowed below 0.92. Bounds that were drawn from one run alone would hold 0.7 and less.
  expect(held / trials).toBeGreaterThan(0.92 - 4 * 0.022);
  expect(held).toBeLessThan(trials);
});
