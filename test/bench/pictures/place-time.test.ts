// Use of places: counted by hand for runs in virtual time, where a step takes 10 ms and has two places.
import { describe, expect, test } from 'vitest';
import { promptLengths, stretchesOf } from '../../../bench/pictures/pictured-run.ts';
import { averageUse, placeShares, placeStretches } from '../../../bench/pictures/place-time.ts';
import { stepTimes } from '../../../bench/pictures/step-time-chart.ts';
import { virtualRuns } from './virtual-runs.ts';

const PLACES = 2;
/** One long request beside three short ones. */
const lengths = [1, 5, 1, 1];

describe('placeShares', () => {
  test('finds the places that offline leaves empty until the longest request of a batch has ended', async () => {
    const [run] = await virtualRuns({ modes: ['offline'], lengths });
    // Five steps of the first batch, in four of which a place is empty, and one of the second.
    expect(run!.end - run!.start).toBe(60);
    expect(placeShares(run!, PLACES)).toEqual({ used: 8 / 12, missed: 4 / 12 });
  });

  test('finds a step until online fills a place, since the one after the end of a request is submitted before it is known', async () => {
    const [run] = await virtualRuns({ modes: ['online'], lengths });
    expect(run!.end - run!.start).toBe(50);
    expect(placeShares(run!, PLACES)).toEqual({ used: 8 / 10, missed: 2 / 10 });
  });

  test('finds a place in every step of naive but those of the last request', async () => {
    const [run] = await virtualRuns({ modes: ['naive'], lengths });
    expect(run!.end - run!.start).toBe(80);
    expect(placeShares(run!, PLACES)).toEqual({ used: 8 / 16, missed: 7 / 16 });
  });

  test('counts no place that no request waits for', async () => {
    const [run] = await virtualRuns({ modes: ['naive'], lengths: [3, 3], dues: [0, 100] });
    expect(placeShares(run!, PLACES)).toMatchObject({ missed: 0 });
  });
});

describe('placeStretches', () => {
  test('tells prompts from tokens that follow', async () => {
    const [run] = await virtualRuns({ modes: ['online'], lengths: [3, 1] });
    const uses = placeStretches(run!, PLACES).map(({ start, prefill, decode }) => [start, prefill, decode]);
    expect(uses).toEqual([
      [0, 2, 0],
      [10, 0, 1],
      [20, 0, 1],
    ]);
  });
});

describe('stretchesOf', () => {
  test('covers a run without a gap, waits for arrivals included', async () => {
    for (const run of await virtualRuns({ lengths: [2, 3, 1], dues: [5, 6, 100] })) {
      const stretches = stretchesOf(run);
      expect(stretches[0]).toMatchObject({ start: 0, end: 5, step: null });
      for (const [index, { start }] of stretches.entries()) expect(start).toBe(stretches[index - 1]?.end ?? 0);
      expect(stretches.at(-1)!.end).toBe(run.end - run.start);
      expect(stretches.filter(({ step }) => step !== null).map(({ step }) => step)).toEqual(run.steps);
      expect([...promptLengths(run).values()]).toEqual([1, 1, 1]);
    }
  });
});

describe('averageUse', () => {
  const stretches = [
    { start: 0, end: 10, decode: 2, prefill: 0, missed: 0 },
    { start: 10, end: 40, decode: 0, prefill: 1, missed: 1 },
  ];

  test('weights stretches by their time in a part, and keeps the total', () => {
    const parts = averageUse(stretches, 20);
    expect(parts).toEqual([
      { start: 0, end: 20, decode: 1, prefill: 0.5, missed: 0.5 },
      { start: 20, end: 40, decode: 0, prefill: 1, missed: 1 },
    ]);
  });

  test('ends with the run, though its last part is shorter', () => {
    expect(averageUse(stretches, 25).map(({ start, end }) => [start, end])).toEqual([
      [0, 25],
      [25, 40],
    ]);
  });
});

describe('stepTimes', () => {
  test('finds the time of a step by the number of requests in it, from steps without prompts', async () => {
    const stepMs = ({ numSequences }: { readonly numSequences: number }) => 10 + 2 * numSequences;
    const runs = await virtualRuns({ lengths: [20, 20], stepMs });
    const times = stepTimes(runs);
    // Naive runs 19 steps of each request after its prompt, the others 19 of both.
    expect(times).toEqual([
      { requests: 1, ms: 12, steps: 38 },
      { requests: 2, ms: 14, steps: 38 },
    ]);
  });
});
