// Verdict on runs of the same requests: each difference of ids and each failure is named.
import { describe, expect, test } from 'vitest';
import { judgeRuns, throwIfUnsound } from '../../../bench/closed-loop/verdict.ts';
import { testResponse, testRun } from '../runs.ts';

const run = (mode: 'naive' | 'online', ...ids: number[][]) =>
  testRun(
    ids.map((list, index) => testResponse({ requestId: String(index), ids: list })),
    { mode },
  );

describe('judgeRuns', () => {
  test('finds nothing where every request has the same ids in every run', () => {
    const runs = [run('naive', [1, 2], [3]), run('online', [1, 2], [3]), run('online', [1, 2], [3])];
    expect(judgeRuns(runs)).toEqual({ numCompared: 2, numEqual: 2, problems: [] });
  });

  test('names the request, the first place where its ids differ, and both ids', () => {
    const runs = [run('naive', [1, 2], [3, 4, 5], [6, 7]), run('online', [1, 2], [3, 9, 9], [6])];
    expect(judgeRuns(runs)).toEqual({
      numCompared: 3,
      numEqual: 1,
      problems: [
        'request 1 differs: its id 1 is 4 in naive, 9 in online',
        'request 2 differs: its id 1 is 7 in naive, none in online',
      ],
    });
  });

  test('does not call failed requests equal', () => {
    const failed = testResponse({ finishReason: 'error', error: 'no logits', ids: [] });
    const runs = [testRun([failed], { mode: 'naive' }), testRun([failed])];
    const problems = ['request 0 failed in naive: no logits'];
    expect(judgeRuns(runs)).toEqual({ numCompared: 1, numEqual: 0, problems });
  });

  test('calls an aborted request failed, whichever run it is in and whatever ids it had', () => {
    const aborted = testResponse({ finishReason: 'abort', ids: [1, 2] });
    const runs = [run('naive', [1, 2]), testRun([aborted])];
    const problems = ['request 0 failed in online: abort'];
    expect(judgeRuns(runs)).toEqual({ numCompared: 1, numEqual: 0, problems });
  });

  test('does not count a request that a run turned away, which is no problem', () => {
    const served = testResponse({ ids: [1, 2] });
    const runs = [
      { mode: 'naive', responses: [served, served] },
      { mode: 'online', responses: [null, served] },
    ];
    expect(judgeRuns(runs)).toEqual({ numCompared: 1, numEqual: 1, problems: [] });
  });
});

describe('throwIfUnsound', () => {
  test('does nothing without a problem', () => {
    throwIfUnsound({ numCompared: 3, numEqual: 3, problems: [] });
  });

  test('names three problems and counts the rest', () => {
    const check = (problems: string[]) => () => throwIfUnsound({ numCompared: 9, numEqual: 0, problems });
    expect(check(['a', 'b', 'c'])).toThrow(expect.objectContaining({ name: 'BenchmarkError', message: 'a; b; c' }));
    expect(check(['a', 'b', 'c', 'd', 'e'])).toThrow(expect.objectContaining({ message: 'a; b; c; and 2 more' }));
  });
});
