// The parts of a batch by themselves, against plain collections: sets of lines, tables of ids, lines of bytes, and the pace in words.
import { describe, expect, test } from 'vitest';
import { IdTable } from '../../../src/cli/batch/id-table.ts';
import { LineSet } from '../../../src/cli/batch/line-set.ts';
import { formatDuration, Progress } from '../../../src/cli/batch/progress.ts';
import { readLines } from '../../../src/cli/batch/read-lines.ts';

test('a set of lines has those that were added', () => {
  const [set, plain] = [new LineSet(), new Set<number>()];
  for (let i = 0; i < 3000; i++) {
    const line = 1 + ((i * 7919) % 50_000);
    expect(set.add(line)).toBe(!plain.has(line));
    plain.add(line);
  }
  for (let line = 1; line < 60_000; line++) expect(set.has(line)).toBe(plain.has(line));
  expect(set.size).toBe(plain.size);
});

test('a table of ids knows the line of each, through its growth', () => {
  const table = new IdTable();
  for (let line = 1; line <= 5000; line++) expect(table.note(`id ${line}`, line)).toBeNull();
  for (let line = 1; line <= 5000; line++) expect(table.note(`id ${line}`, line + 9000)).toBe(line);
});

test('of a line that is too long only the number is kept, and the next one is read whole', async () => {
  async function* bytes() {
    for (let i = 0; i < 100; i++) yield Buffer.alloc(10, 'a');
    yield Buffer.from('\nshort\n0123456789');
  }
  const lines = [];
  for await (const line of readLines(bytes(), 10)) lines.push(line);
  expect(lines.map(({ number, bytes: each }) => [number, each && Buffer.from(each).toString()])).toEqual([
    [1, null],
    [2, 'short'],
    [3, '0123456789'],
  ]);
});

describe('progress', () => {
  test('tells how far a run is, its speed, and the time that the rest takes at that speed', () => {
    let now = 1000;
    const done = new LineSet();
    for (let line = 1; line <= 10; line++) done.add(line);
    const progress = new Progress(100, { done, numErrors: 1 }, () => now);
    now += 10_000;
    for (let i = 0; i < 30; i++) progress.add({ isError: i === 0, tokens: 5 });
    expect(progress.line()).toBe('40 of 100 lines · 2 with errors · 15.0 tokens/s · 20 s left');
    now += 100;
    expect(progress.line()).toBeNull();
    expect(progress.summary()).toBe('40 of 100 lines · 2 with errors · 14.9 tokens/s in 10 s');
    expect(new Progress(null, { done: new LineSet(), numErrors: 0 }, () => now).line()).toBe('0 lines · 0.0 tokens/s');
  });

  test.each([
    [0.42, '0.4 s'],
    [59.2, '59 s'],
    [61, '1 min 1 s'],
    [3700, '1 h 1 min'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});
