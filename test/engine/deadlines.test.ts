// Deadlines end requests on time, by a timer on the machine's clock and by turns on a caller's.
import { beforeAll, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { completion, HeldRunner, TestClock, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 6, seed: 4 } };

test.each([true, false])('a step that never comes back holds no deadline up (overlap %s)', async (overlap) => {
  const runner = new HeldRunner({ maxBatchSize: 2 });
  const engine = new Engine({ runner, tokenizer, overlap });
  const requests = [30, 10, 20, 5].map((deadlineMs) => ({ ...prompt, deadlineMs }));
  const responses = await engine.generateBatch(requests);
  for (const { finishReason, error } of responses) {
    expect(finishReason).toBe('abort');
    expect(error).toMatch(/^deadline passed \d+ ms ago$/);
  }
  const ends = responses.map(({ timings }) => timings.e2e);
  for (const [index, end] of ends.entries()) expect(end).toBeGreaterThanOrEqual(requests[index]!.deadlineMs);
  while (runner.numHeld > 0) runner.settle();
  await engine.close();
});

test('a request without a loop or turns ends at its deadline', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  expect(await engine.addRequest({ ...prompt, deadlineMs: 5 }).finished).toMatchObject({
    finishReason: 'abort',
    ids: [],
  });
});

test('a deadline beyond all timers is one, and leaves no timer when its request has ended', async () => {
  const [setTimer, clearTimer] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const response = await engine.generate({ ...prompt, deadlineMs: 1e15 });
  expect(response.ids).toEqual(completion(prompt));
  expect(setTimer.mock.calls.map(([, delay]) => delay)).toEqual([2 ** 31 - 1]);
  expect(clearTimer).toHaveBeenCalledWith(setTimer.mock.results[0]?.value);
  vi.restoreAllMocks();
});

test('on a clock of the caller no timer runs: only turns end requests', async () => {
  const setTimer = vi.spyOn(globalThis, 'setTimeout');
  const clock = new TestClock();
  await using engine = new Engine({ runner: talesRunner(), tokenizer, clock });
  const { finished } = engine.addRequest({ ...prompt, deadlineMs: 5 });
  clock.time = 6;
  expect(setTimer).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  await engine.step();
  expect(await finished).toMatchObject({ finishReason: 'abort', error: 'deadline passed 1 ms ago' });
});
