// Placement of GPU timestamps on the host's clock: durations are kept, and no kernel leaves its step.
import { describe, expect, test } from 'vitest';
import { placeKernels, type TimedStep } from '../../../src/engine/observe/gpu-clock.ts';

const kernel = (start: number, end: number) => {
  return { label: 'k[]', dims: {}, cost: { bytes: 0, flops: 0 }, start, nanoseconds: end - start };
};

/** A step from `submitted` to `finished` ms with kernels at [start, end] ns of the GPU's clock. */
function step(submitted: number, finished: number, ...kernels: readonly (readonly [number, number])[]): TimedStep {
  const start = kernels[0]?.[0] ?? 0;
  const nanoseconds = (kernels.at(-1)?.[1] ?? start) - start;
  const times = { start, nanoseconds, kernels: kernels.map(([from, to]) => kernel(from, to)) };
  return { index: 0, submitted, finished, rows: [], admitted: [], preempted: [], numWaiting: 0, times };
}

/** Positions of all kernels: within their step, none before the one before it ends. */
function expectInside(steps: readonly TimedStep[]): void {
  let free = Number.NEGATIVE_INFINITY;
  for (const [s, placed] of placeKernels(steps).entries()) {
    const { submitted, finished, times } = steps[s]!;
    expect(placed).toHaveLength(times.kernels.length);
    for (const { start, end } of placed) {
      expect(start).toBeGreaterThanOrEqual(Math.max(submitted, free));
      expect(end).toBeGreaterThanOrEqual(start);
      expect(end).toBeLessThanOrEqual(finished);
      free = end;
    }
  }
}

describe('placeKernels', () => {
  test('finds the one offset that lets every step begin after its submit and end before its result', () => {
    // The GPU's 0 lies at 10 to 10.5 ms: earlier, the second step would begin before its submit; later, it would end
    // after its result. Half way, all is moved by 10.25 ms.
    const steps = [step(10, 13, [0.5e6, 1e6], [1.2e6, 2e6]), step(12, 14.5, [2e6, 3e6], [3e6, 4e6])];
    const want = [
      [10.75, 11.25],
      [11.45, 12.25],
      [12.25, 13.25],
      [13.25, 14.25],
    ];
    for (const [i, { start, end }] of placeKernels(steps).flat().entries()) {
      expect(start).toBeCloseTo(want[i]![0]!, 9);
      expect(end).toBeCloseTo(want[i]![1]!, 9);
    }
    expectInside(steps);
  });

  test('keeps durations and distances where the clocks agree', () => {
    const steps = [step(0, 5, [1000, 2000], [2500, 4000]), step(4, 9, [4_000_000, 4_500_000])];
    const zero = (placeKernels(steps)[0]?.[0]?.start ?? 0) - 1000e-6;
    const spans = placeKernels(steps).flat();
    const stamps = steps.flatMap(({ times }) => times.kernels);
    for (const [i, { start, end }] of spans.entries()) {
      expect(start - zero).toBeCloseTo(stamps[i]!.start / 1e6, 9);
      expect(end - start).toBeCloseTo(stamps[i]!.nanoseconds / 1e6, 9);
    }
  });

  test.each([
    ['a GPU clock a hundredth too fast', 1.01],
    ['a GPU clock a tenth too slow', 0.9],
    ['a GPU clock that runs twice as fast as it should', 2],
  ])('keeps kernels within their steps with %s', (_, rate) => {
    const steps = Array.from({ length: 500 }, (_, i) => {
      const at = (ms: number) => Math.round(rate * (10 * i + ms) * 1e6);
      return step(10 * i - 3, 10 * i + 9, [at(0), at(4)], [at(4), at(8)]);
    });
    expectInside(steps);
  });

  test('keeps kernels within their steps whatever the stamps say', () => {
    expectInside([step(0, 1, [5e9, 4e9], [1e9, 9e9]), step(0.5, 2), step(1, 3, [0, 0], [-7e9, 7e9])]);
    expect(placeKernels([])).toEqual([]);
  });
});
