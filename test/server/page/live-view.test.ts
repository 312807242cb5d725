// The live view of an engine: what its page shows of steps and requests.
import { expect, test } from 'vitest';
import type { StepRecord } from '../../../src/engine/observe/step-record.ts';
import { requestTimings } from '../../../src/engine/observe/timings.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import { LiveView } from '../../../src/server/page/live-view.ts';

type Row = readonly [requestId: string, start: number, numTokens: number, samples: boolean];

function setUp() {
  let now = 0;
  let index = 0;
  const view = new LiveView(() => now);
  const step = (rows: readonly Row[], { preempted = [] as string[], numWaiting = 0 } = {}) => {
    const record: StepRecord = {
      index: index++,
      submitted: now,
      finished: now,
      rows: rows.map(([requestId, start, numTokens, samples]) => ({ requestId, start, numTokens, samples })),
      admitted: [],
      preempted,
      numWaiting,
    };
    view.onStep(record);
  };
  const finish = (requestId: string, ttft = 40) => {
    const timings = requestTimings(0, [ttft], now);
    // Only these two fields are read.
    const finished: Pick<FinishedRequest, 'requestId' | 'timings'> = { requestId, timings };
    view.onFinish(finished);
  };
  return { view, step, finish, at: (ms: number) => (now = ms) };
}

test('requests have their phase, their tokens and a number that is not their id', () => {
  const { view, step } = setUp();
  step([['secret', 0, 32, false]]);
  expect(view.requests).toEqual([{ number: 1, phase: 'prefill', numTokens: 32, generated: 0 }]);
  step([
    ['secret', 32, 8, true],
    ['other', 0, 5, true],
  ]);
  step([['secret', 40, 1, true]]);
  expect(view.requests).toEqual([
    { number: 1, phase: 'decode', numTokens: 41, generated: 2 },
    { number: 2, phase: 'decode', numTokens: 5, generated: 1 },
  ]);
  step([['secret', 41, 1, true]], { preempted: ['other'], numWaiting: 3 });
  expect(view.requests[1]).toEqual({ number: 2, phase: 'preempted', numTokens: 0, generated: 1 });
  expect(JSON.stringify([view.requests, view.seconds])).not.toMatch(/secret|other/);
});

test('a request that ended is gone, even where a step in flight still had a row of it', () => {
  const { view, step, finish } = setUp();
  step([['a', 0, 3, true]]);
  finish('a');
  step([['a', 3, 1, true]]);
  expect(view.requests).toEqual([]);
  for (let i = 0; i < 3000; i++) {
    step([[`r${i}`, 0, 1, true]]);
    finish(`r${i}`);
  }
  expect(view.requests).toEqual([]);
});

test('seconds have sums and means of what was in them, and the last two minutes are kept', () => {
  const { view, step, finish, at } = setUp();
  step([['a', 0, 10, true]], { numWaiting: 2 });
  at(100);
  step([['a', 10, 1, true]], { numWaiting: 1 });
  at(300);
  step([['a', 11, 1, true]]);
  finish('a', 40);
  const [first] = view.seconds;
  expect(first).toEqual({ second: 0, steps: 3, generated: 3, prefilled: 10, rows: 1, waiting: 0, ttft: 40, itl: 150 });
  at(60_500);
  step([['b', 0, 1, true]]);
  expect(view.seconds.map(({ second, ttft, itl }) => [second, ttft, itl])).toEqual([
    [0, 40, 150],
    [60, null, null],
  ]);
  at(120_100);
  expect(view.seconds.map(({ second }) => second)).toEqual([60]);
});
