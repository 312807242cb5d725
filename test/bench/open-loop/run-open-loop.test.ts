// An open loop in virtual time: arrivals, concurrency and rejections fall on exact milliseconds.
import { beforeAll, describe, expect, test } from 'vitest';
import { SimulatedRunner } from '../../../bench/common/simulated-runner.ts';
import type { TimedRequest } from '../../../bench/load/requests.ts';
import { systemWaitingClock } from '../../../bench/load/waiting-clock.ts';
import { reportOpenLoop } from '../../../bench/open-loop/report.ts';
import { type OpenLoopOptions, runOpenLoop } from '../../../bench/open-loop/run-open-loop.ts';
import { VirtualClock, type VirtualClockOptions } from '../../../bench/simulation/virtual-clock.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner, fakeCompletion } from '../../support/engine/fake-runner.ts';

const limits = { maxBatchSize: 2, maxBatchTokens: 64, maxModelLen: 64, numBlocks: 64, blockSize: 4, vocabSize: 8192 };
const { signal } = new AbortController();
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** Requests of one prompt token, with some ids to generate. */
function requestsAt(dues: readonly number[], maxTokens = 1): TimedRequest[] {
  return dues.map((due, index) => ({
    requestId: String(index),
    due,
    promptIds: [index],
    sampling: { maxTokens, seed: index, temperature: 0, ignoreEos: true },
  }));
}

/** Runs requests in virtual time, at 10 ms a step. */
function simulated(requests: readonly TimedRequest[], options: Partial<OpenLoopOptions & VirtualClockOptions> = {}) {
  const clock = new VirtualClock(options);
  const runner = new SimulatedRunner({ limits, clock, stepMs: () => 10 });
  return clock.run(runOpenLoop('online', requests, { runner, tokenizer, signal, clock, ...options }));
}

const ttfts = (run: Awaited<ReturnType<typeof simulated>>) =>
  reportOpenLoop(run, undefined).requests.map(({ ttft }) => ttft);

describe('runOpenLoop', () => {
  test('sends requests when they are due, whatever the engine does', async () => {
    // The batch holds 2: the third waits for the step in flight and for the one submitted after it.
    const run = await simulated(requestsAt([5, 5, 5, 100]));
    expect(run.outcomes.map(({ start }) => start)).toEqual([5, 5, 5, 100]);
    expect(ttfts(run)).toEqual([10, 10, 20, 10]);
    expect(run.end).toBe(110);
  });

  test('runs the clock of a request from when it was due, though a timer rings late', async () => {
    const run = await simulated(requestsAt([5, 100]), { lateMs: 3, pauseMs: 2 });
    expect(run.outcomes.map(({ start, response }) => [start, response?.timings.arrival])).toEqual([
      [5, 5],
      [100, 100],
    ]);
    expect(ttfts(run)).toEqual([15, 15]);
  });

  test('holds requests back at a limit, and runs their clocks from when they are let go', async () => {
    const run = await simulated(requestsAt([0, 0, 0], 2), { maxConcurrency: 1 });
    expect(run.outcomes.map(({ start }) => start)).toEqual([0, 20, 40]);
    expect(ttfts(run)).toEqual([10, 10, 10]);
    expect(reportOpenLoop(run, undefined).peakConcurrency).toBe(1);
    // Positive control: without the limit two run at a time.
    const free = await simulated(requestsAt([0, 0, 0], 2));
    expect(free.outcomes.map(({ start }) => start)).toEqual([0, 0, 0]);
    expect(reportOpenLoop(free, undefined).peakConcurrency).toBe(3);
  });

  test('counts requests that the engine turns away, and serves the others', async () => {
    const run = await simulated(requestsAt([0, 0, 0, 0, 50]), { settings: { maxQueuedRequests: 1 } });
    expect(run.outcomes[3]).toEqual({
      start: 0,
      response: null,
      refusal: 'request 3 would make 2 requests wait, expected at most 1',
    });
    expect(reportOpenLoop(run, undefined)).toMatchObject({ completed: 4, rejected: 1, failed: 0 });
  });

  test('gives requests the ids that they get alone, on the real clock, too', async () => {
    const runner = new FakeRunner(limits);
    const requests = requestsAt([0, 1, 1, 4, 20], 6);
    const ended: number[] = [];
    const onEnd = (numEnded: number) => ended.push(numEnded);
    const options = { runner, tokenizer, signal, clock: systemWaitingClock, onEnd };
    const run = await runOpenLoop('online', requests, options);
    for (const [index, { response, start }] of run.outcomes.entries()) {
      const { promptIds = [], sampling, due = 0 } = requests[index] ?? {};
      const alone = { promptIds, seed: sampling?.seed ?? 0, maxTokens: 6, vocabSize: limits.vocabSize };
      expect(response?.ids).toEqual(fakeCompletion(alone));
      expect(start).toBe(run.start + due);
      expect(response?.timings.firstToken).toBeGreaterThanOrEqual(start);
    }
    expect(ended).toEqual([1, 2, 3, 4, 5]);
  });

  test('ends with the reason of its signal, however much is to come', async () => {
    const interrupt = new AbortController();
    const options = { runner: new FakeRunner(limits), tokenizer, signal: interrupt.signal, clock: systemWaitingClock };
    const run = runOpenLoop('online', requestsAt([0, 1e9]), options);
    interrupt.abort(new Error('enough'));
    await expect(run).rejects.toThrow();
  });

  test('refuses a request that can never run', async () => {
    const requests = [...requestsAt([0], 100), ...requestsAt([50])];
    await expect(simulated(requests)).rejects.toThrow('maxTokens is 100, expected at most 63');
  });
});
