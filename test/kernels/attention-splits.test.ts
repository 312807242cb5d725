// Splits of a context: how many there are, and how many a dispatch has, which a recording is made for.
import { expect, test } from 'vitest';
import { dispatchedSplits, numSplits } from '../../src/kernels/attention/splits.ts';

test('a context has as many splits as it began', () => {
  expect([1, 256, 257, 1024].map((context) => numSplits(context, 'software'))).toEqual([1, 1, 2, 4]);
  expect([1, 64, 65, 1000].map((context) => numSplits(context, 'gpu'))).toEqual([1, 1, 2, 16]);
});

test('a dispatch of the class software has the splits of its longest context', () => {
  const counts = [1, 256, 257, 600, 1024].map((context) => dispatchedSplits(context, 1024, 'software'));
  expect(counts).toEqual([1, 1, 2, 3, 4]);
});

test('a dispatch of the class gpu has one split or those of whole groups, as far as there is room', () => {
  const counts = [1, 64, 65, 600, 1024, 1025, 2048].map((context) => dispatchedSplits(context, 2000, 'gpu'));
  expect(counts).toEqual([1, 1, 16, 16, 16, 32, 32]);
  expect(dispatchedSplits(1025, 1500, 'gpu')).toBe(24);
  expect(dispatchedSplits(100, 300, 'gpu')).toBe(5);
});

test('a dispatch has a split for every key that its context can have', () => {
  for (const reduction of ['software', 'gpu'] as const) {
    for (const [context, longest] of [
      [65, 65],
      [300, 301],
      [1024, 1100],
      [1090, 1100],
    ] as const) {
      const count = dispatchedSplits(context, longest, reduction);
      expect(count).toBeGreaterThanOrEqual(numSplits(context, reduction));
      expect(count).toBeLessThanOrEqual(numSplits(longest, reduction));
    }
  }
});
