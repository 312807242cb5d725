// The loop that all callers share: batched ids equal those of each request alone, for every scheduler, with overlap and
// without.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import {
  completion,
  EOS,
  HeldRunner,
  type Prompt,
  promptThatStops,
  TestClock,
  talesRunner,
} from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Prompts of 1 to 13 tokens, 1 to 15 new ones. */
const mixed: readonly Prompt[] = Array.from({ length: 9 }, (_, index) => ({
  promptIds: Array.from({ length: 1 + ((index * 5) % 13) }, (_, position) => index * 700 + position),
  sampling: { maxTokens: 1 + ((index * 4) % 15), seed: index },
}));

const cases = schedulerNames.flatMap((scheduler) => [true, false].map((overlap) => ({ scheduler, overlap })));

describe.each(cases)('$scheduler scheduler, overlap $overlap', ({ scheduler, overlap }) => {
  test('gives each request of a batch the ids that it gets alone, in the order of the requests', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, scheduler, overlap });
    const responses = await engine.generateBatch(mixed);
    expect(responses.map(({ ids }) => ids)).toEqual(mixed.map(completion));
    for (const [index, { promptIds, sampling }] of mixed.entries()) {
      expect(responses[index]).toMatchObject({
        promptTokens: promptIds.length,
        finishReason: 'length',
        error: null,
        seed: sampling.seed,
        text: tokenizer.decode(completion({ promptIds, sampling }), { skipSpecialTokens: true }),
      });
    }
    expect(engine.hasUnfinished).toBe(false);
  });

  test('gives the same ids from a pool that is far too small for all', async () => {
    // The largest request, 11 + 9 tokens, takes all 5 blocks.
    const runner = talesRunner({ numBlocks: 7, blockSize: 4 });
    await using engine = new Engine({ runner, tokenizer, scheduler, overlap });
    const responses = await engine.generateBatch(mixed);
    expect(responses.map(({ ids }) => ids)).toEqual(mixed.map(completion));
    // A preempted sequence computes its tokens twice.
    const numComputed = runner.plans.reduce((sum, plan) => sum + plan.numTokens, 0);
    const numNeeded = mixed.reduce(
      (sum, { promptIds, sampling }) => sum + promptIds.length + sampling.maxTokens - 1,
      0,
    );
    expect(numComputed > numNeeded).toBe(scheduler !== 'naive');
    for (const { timings, ids } of responses) expect(timings.tokenTimes).toHaveLength(ids.length);
  });

  test('ends a request at its eos, which is an id but no text; the row after it enters nothing', async () => {
    const prompt = promptThatStops();
    const ids = completion(prompt);
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer, scheduler, overlap });
    const response = await engine.generate(prompt);
    expect(ids.at(-1)).toBe(EOS);
    expect(response).toMatchObject({ ids, finishReason: 'stop' });
    expect(response.text).toBe(tokenizer.decode(ids.slice(0, -1), { skipSpecialTokens: false }));
    expect(response.timings.tokenTimes).toHaveLength(ids.length);
    await engine.close();
    expect(runner.plans).toHaveLength(ids.length + (overlap ? 1 : 0));
  });

  test('submits no row beyond a length that is known', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer, scheduler, overlap });
    await engine.generateBatch(
      [1, 2, 5].map((maxTokens, seed) => ({ promptIds: [7, 8], sampling: { maxTokens, seed } })),
    );
    const numRows = runner.plans.reduce((sum, plan) => sum + plan.samplingRows.length, 0);
    expect(numRows).toBe(1 + 2 + 5);
  });

  test('batches requests that callers generate at the same time', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer, scheduler, overlap });
    const prompts = [0, 1, 2].map((seed) => ({ promptIds: [seed, 9], sampling: { maxTokens: 6, seed } }));
    const responses = await Promise.all(prompts.map((prompt) => engine.generate(prompt)));
    expect(responses.map(({ ids }) => ids)).toEqual(prompts.map(completion));
    expect(runner.plans.map((plan) => plan.numSequences)).toEqual(
      Array(scheduler === 'naive' ? 18 : 6).fill(scheduler === 'naive' ? 1 : 3),
    );
  });

  test('serves a request that is added while the loop runs', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer, scheduler, overlap });
    const early = { promptIds: [1, 2], sampling: { maxTokens: 20, seed: 1 } };
    const late = { promptIds: [3], sampling: { maxTokens: 4, seed: 2 } };
    const first = engine.addRequest(early);
    const loop = engine.run();
    while (runner.plans.length < 3) await setImmediate();
    const second = engine.addRequest(late);
    await loop;
    expect(engine.hasUnfinished).toBe(false);
    expect((await first.finished).ids).toEqual(completion(early));
    expect((await second.finished).ids).toEqual(completion(late));
    expect(runner.plans).toHaveLength(scheduler === 'online' ? 20 : 24);
  });
});

describe('a turn', () => {
  const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 3, seed: 1 } };

  test('with overlap submits a step before the one before it has settled', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer });
    const { finished } = engine.addRequest(prompt);
    expect(runner.plans).toHaveLength(0);

    expect(await engine.step()).toBe(true);
    expect([runner.plans.length, runner.numHeld]).toEqual([1, 1]);
    for (const expected of [2, 3]) {
      const turn = engine.step();
      expect([runner.plans.length, runner.numHeld]).toEqual([expected, 2]);
      runner.settle();
      expect(await turn).toBe(true);
    }
    // All ids are in flight: there is nothing to schedule, only to read.
    const last = engine.step();
    expect([runner.plans.length, runner.numHeld]).toEqual([3, 1]);
    runner.settle();
    expect(await last).toBe(false);
    expect((await finished).ids).toEqual(completion(prompt));
  });

  test('without overlap reads a step before it submits the next', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer, overlap: false });
    const { finished } = engine.addRequest(prompt);
    for (const expected of [1, 2, 3]) {
      const turn = engine.step();
      await setImmediate();
      expect([runner.plans.length, runner.numHeld]).toEqual([expected, 1]);
      runner.settle();
      expect(await turn).toBe(expected < 3);
    }
    expect((await finished).ids).toEqual(completion(prompt));
  });

  test('is joined by calls that come while it is under way, by hand or from the loop', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer, overlap: false });
    const { finished } = engine.addRequest(prompt);
    const turns = [engine.step(), engine.step()];
    const loops = [engine.run(), engine.run()];
    await setImmediate();
    await setImmediate();
    expect(runner.plans).toHaveLength(1);
    runner.settle();
    expect(await Promise.all(turns)).toEqual([true, true]);
    for (const expected of [2, 3]) {
      while (runner.numHeld === 0) await setImmediate();
      expect(runner.plans).toHaveLength(expected);
      runner.settle();
    }
    await Promise.all(loops);
    expect((await finished).ids).toEqual(completion(prompt));
  });

  test('without work does nothing', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    expect(engine.hasUnfinished).toBe(false);
    expect(await engine.step()).toBe(false);
    await engine.run();
    await engine.run();
    expect(await engine.generateBatch([])).toEqual([]);
    expect(runner.plans).toHaveLength(0);
    // A loop that found no work does not stand in for the next one.
    expect((await engine.generate(prompt)).ids).toEqual(completion(prompt));
  });
});

test('requests that come as the last one ends, by whatever way, are served by a loop', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer, overlap: false });
  const prompts = [1, 2, 3, 4].map((seed) => ({ promptIds: [seed], sampling: { maxTokens: 2, seed } }));
  const responses = await prompts.reduce(async (previous, prompt, index) => {
    const done = await previous;
    if (index % 2 === 0) return [...done, await engine.generate(prompt)];
    const { finished } = engine.addRequest(prompt);
    await engine.run();
    return [...done, await finished];
  }, Promise.resolve<FinishedRequest[]>([]));
  expect(responses.map(({ ids }) => ids)).toEqual(prompts.map(completion));
});

test('the loop lets timers and sockets have their turn between steps', async () => {
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer });
  const { finished } = engine.addRequest({ promptIds: [1], sampling: { maxTokens: 30, seed: 0 } });
  const seen: number[] = [];
  const loop = engine.run();
  while (engine.hasUnfinished) {
    await setImmediate();
    seen.push(runner.plans.length);
  }
  await loop;
  expect((await finished).ids).toHaveLength(30);
  // Between two turns of the event loop there is never more than one step.
  expect(Math.max(...seen.slice(1).map((count, index) => count - (seen[index] ?? 0)))).toBe(1);
});

test('engines use one runner one after another, which stays open', async () => {
  const runner = talesRunner();
  for (const scheduler of schedulerNames) {
    await using engine = new Engine({ runner, tokenizer, scheduler });
    expect((await engine.generateBatch(mixed)).map(({ ids }) => ids)).toEqual(mixed.map(completion));
  }
  expect(runner.closed).toBe(false);
});

test('a prompt given as text runs as its ids', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const sampling = { maxTokens: 5, seed: 3 };
  const promptIds = tokenizer.encode('Once upon a time');
  const response = await engine.generate({ prompt: 'Once upon a time', sampling, requestId: 'mine' });
  expect(response).toMatchObject({ requestId: 'mine', promptTokens: promptIds.length });
  expect(response.ids).toEqual(completion({ promptIds, sampling }));
});

test('a request without a seed reports the one it drew, which gives the same ids again', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const request = { promptIds: [4, 5], sampling: { maxTokens: 8 } };
  const [first, second] = await Promise.all([engine.generate(request), engine.generate(request)]);
  expect(first.seed).not.toBe(second.seed);
  const again = await engine.generate({ ...request, sampling: { maxTokens: 8, seed: first.seed } });
  expect(again.ids).toEqual(first.ids);
});

test('eos is passed where the request says so, and is no text there either', async () => {
  const { promptIds, sampling } = promptThatStops();
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const response = await engine.generate({ promptIds, sampling: { ...sampling, ignoreEos: true } });
  expect(response).toMatchObject({ finishReason: 'length' });
  expect(response.ids).toHaveLength(12);
  expect(response.ids).toContain(EOS);
  expect(response.text).toBe(tokenizer.decode(response.ids, { skipSpecialTokens: true }));
});

test('an eos that the tokenizer takes for text is left out of the text all the same', async () => {
  vi.spyOn(tokenizer, 'isSpecial').mockReturnValue(false);
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const { ids, text } = await engine.generate(promptThatStops());
  expect(ids.at(-1)).toBe(EOS);
  expect(text).toBe(tokenizer.decode(ids.slice(0, -1), { skipSpecialTokens: false }));
});

describe('timings', () => {
  test('are stamped when ids reach the host, though a later turn reads them', async () => {
    const runner = new HeldRunner();
    const clock = new TestClock();
    await using engine = new Engine({ runner, tokenizer, clock });
    clock.time = 5;
    const { finished } = engine.addRequest({ promptIds: [1], sampling: { maxTokens: 3, seed: 1 } });
    clock.time = 7;
    await engine.step();
    for (const [arrives, read] of [
      [15, 18],
      [21, 22],
      [45, 60],
    ]) {
      clock.time = arrives ?? 0;
      runner.settle();
      await setImmediate();
      clock.time = read ?? 0;
      await engine.step();
    }
    expect((await finished).timings).toEqual({
      arrival: 5,
      started: 7,
      firstToken: 15,
      lastToken: 45,
      tokenTimes: [15, 21, 45],
      ttft: 10,
      tpot: 15,
      e2e: 40,
    });
  });

  test('count the wait for a place in the batch', async () => {
    const runner = new HeldRunner({ maxBatchSize: 1 });
    const clock = new TestClock();
    await using engine = new Engine({ runner, tokenizer, clock, overlap: false });
    const requests = [0, 1].map((seed) => engine.addRequest({ promptIds: [1], sampling: { maxTokens: 1, seed } }));
    for (const time of [10, 20]) {
      const turn = engine.step();
      clock.time = time;
      runner.settle();
      await turn;
    }
    const timings = await Promise.all(requests.map(async ({ finished }) => (await finished).timings));
    expect(timings).toMatchObject([
      { arrival: 0, ttft: 10, tpot: null, e2e: 10 },
      { arrival: 0, ttft: 20, tpot: null, e2e: 20 },
    ]);
  });

  test('begin before the prompt is encoded', async () => {
    const clock = new TestClock();
    vi.spyOn(tokenizer, 'encode').mockImplementation(() => {
      clock.time += 40;
      return [1, 2];
    });
    await using engine = new Engine({ runner: talesRunner(), tokenizer, clock });
    const { timings } = await engine.generate({ prompt: 'any', sampling: { maxTokens: 1 } });
    expect(timings).toMatchObject({ arrival: 0, ttft: 40 });
  });

  test('of a request without tokens are null but for arrival and end', async () => {
    const clock = new TestClock();
    await using engine = new Engine({ runner: talesRunner(), tokenizer, clock });
    const { requestId, finished } = engine.addRequest({ promptIds: [1] });
    clock.time = 8;
    engine.abort(requestId);
    const { timings } = await finished;
    expect(timings).toEqual({
      arrival: 0,
      started: null,
      firstToken: null,
      lastToken: null,
      tokenTimes: [],
      ttft: null,
      tpot: null,
      e2e: 8,
    });
  });
});
