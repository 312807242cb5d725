// Work in slices: whole or in turns it has the same result, and turns let timers and other works in between.
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { type Pausable, runWhole, Turns } from '../../src/util/turns.ts';

/** Work of some pieces, each of which takes three milliseconds of the clock. */
function* work(pieces: number, log: string[] = [], name = ''): Pausable<number> {
  for (let piece = 0; piece < pieces; piece++) {
    log.push(name);
    now += 3;
    yield;
  }
  return pieces;
}

let now = 0;

test('runs whole to its result, or throws what the work throws', () => {
  expect(runWhole(work(5))).toBe(5);
  expect(() =>
    runWhole(
      (function* (): Pausable<number> {
        yield;
        throw new Error('fault');
      })(),
    ),
  ).toThrow('fault');
});

describe('in turns', () => {
  test('a slice ends after eight milliseconds, and other works and the event loop have theirs in between', async () => {
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const turns = new Turns();
    const log: string[] = [];
    let isDone = false;
    const loop = (async () => {
      for (; !isDone; await setImmediate()) log.push('|');
    })();
    const results = await Promise.all([turns.run(work(7, log, 'a')), turns.run(work(4, log, 'b'))]);
    isDone = true;
    await loop;
    vi.restoreAllMocks();
    expect(results).toEqual([7, 4]);
    const slices = log
      .join('')
      .split('|')
      .filter((slice) => slice !== '');
    expect(slices).toEqual(['aaa', 'bbb', 'aaa', 'b', 'a']);
  });

  test('one that throws rejects, and those after it run on', async () => {
    const turns = new Turns();
    const failing = turns.run(
      // biome-ignore lint/correctness/useYield: it throws before it could pause
      (function* (): Pausable<number> {
        throw new Error('fault');
      })(),
    );
    const next = turns.run(work(2));
    await expect(failing).rejects.toThrow('fault');
    expect(await next).toBe(2);
  });
});
