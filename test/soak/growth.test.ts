// The measure of growth that the soak judges by.
import { expect, test } from 'vitest';
import { growthOf } from './growth.ts';

const samples = (bytes: (time: number) => number) =>
  Array.from({ length: 200 }, (_, time) => ({ time, bytes: bytes(time) }));

test('a leak grows, and warming up and noise do not', () => {
  expect(growthOf(samples((time) => 1000 + 5 * time))).toBeCloseTo((99 * 5) / (1000 + 5 * 149.5), 6);
  expect(growthOf(samples((time) => Math.min(1000, 20 * time)))).toBe(0);
  expect(Math.abs(growthOf(samples((time) => 1000 + 50 * Math.sin(time))))).toBeLessThan(0.02);
  expect([growthOf([]), growthOf(samples(() => 0))]).toEqual([0, 0]);
});
