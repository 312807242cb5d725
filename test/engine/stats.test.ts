// What metrics ask of an engine: requests, blocks and tokens now and since the start; and that the blocks of a request whose client went
// away are free at once.
import { setImmediate } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { completion, HeldRunner, TestClock, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const NONE = { promptTokens: 0, generatedTokens: 0, prefixQueries: 0, prefixHits: 0, preemptions: 0 };
const prompt = (seed: number, length = 8, maxTokens = 9) => ({
  promptIds: Array.from({ length }, (_, i) => 100 * seed + i),
  sampling: { seed, maxTokens },
});

test('stats count waiting and running requests, blocks in use, and tokens as they are computed', async () => {
  const runner = talesRunner({ maxBatchSize: 2, maxBatchTokens: 16 });
  await using engine = new Engine({ runner, tokenizer, overlap: false });
  const idle = { numWaiting: 0, numRunning: 0, numUsedBlocks: 0, numBlocks: 64 };
  expect(engine.stats).toEqual({ ...idle, ...NONE });
  const all = [1, 2, 1].map((seed, i) => engine.addRequest({ ...prompt(seed), requestId: `r${i}` }));
  expect(engine.stats).toEqual({ ...idle, numWaiting: 3, ...NONE });
  await engine.step();
  // Two prompts of two full blocks each; the id that each has is not computed yet.
  const counts = { ...NONE, promptTokens: 16, generatedTokens: 2, prefixQueries: 16 };
  expect(engine.stats).toEqual({ ...counts, numWaiting: 1, numRunning: 2, numUsedBlocks: 4, numBlocks: 64 });
  await engine.step();
  expect(engine.stats).toMatchObject({ numUsedBlocks: 6, generatedTokens: 4 });
  await engine.run();
  const responses = await Promise.all(all.map(({ finished }) => finished));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  expect(engine.stats).toEqual({
    ...idle,
    ...NONE,
    promptTokens: 24,
    generatedTokens: sum(responses.map(({ ids }) => ids.length)),
    prefixQueries: 24,
    // The last block of the prompt leaves no token to compute.
    prefixHits: 4,
  });
  expect(sum(responses.map(({ cachedTokens }) => cachedTokens))).toBe(4);
});

test('neither a prompt that looks nothing up nor one that starts again counts as a query', async () => {
  const runner = talesRunner({ numBlocks: 9, maxBatchTokens: 16 });
  await using engine = new Engine({ runner, tokenizer });
  const responses = await engine.generateBatch([prompt(1, 8, 20), prompt(2, 8, 20)]);
  const preemptions = responses.reduce((sum, each) => sum + each.preemptions, 0);
  expect(preemptions).toBeGreaterThan(0);
  expect(engine.stats).toMatchObject({ preemptions, promptTokens: 16, prefixQueries: 16 });
  await engine.generate({ ...prompt(3), promptLogprobs: 0 });
  expect(engine.stats).toMatchObject({ promptTokens: 24, prefixQueries: 16 });
  await using other = new Engine({ runner: talesRunner(), tokenizer, prefixCache: false });
  await other.generate(prompt(1));
  expect(other.stats).toMatchObject({ promptTokens: 8, prefixQueries: 0, prefixHits: 0 });
});

test.each([true, false])(
  'a client that goes away frees its blocks at once, and the next step has the others alone (overlap %s)',
  async (overlap) => {
    const runner = new HeldRunner({ maxBatchTokens: 32 });
    const steps: StepRecord[] = [];
    const observers = [{ onStep: (step: StepRecord) => steps.push(step) }];
    await using engine = new Engine({ runner, tokenizer, overlap, observers });
    const clients = Array.from({ length: 3 }, () => new AbortController());
    const streams = clients.map(({ signal }, i) => engine.stream({ ...prompt(i + 1), requestId: `r${i}`, signal }));
    const [, , decoding] = streams;
    const settle = async () => {
      while (runner.numHeld === 0) await setImmediate();
      runner.settle();
    };
    const first = decoding!.next();
    await settle();
    await first;
    while (runner.numHeld === 0) await setImmediate();
    // Eight tokens of a prompt and the first id, which the step in flight computes.
    expect(engine.stats).toMatchObject({ numRunning: 3, numUsedBlocks: 9 });
    clients[0]!.abort('gone');
    await streams[1]!.return();
    expect(engine.stats).toMatchObject({ numRunning: 1, numUsedBlocks: 3 });
    expect(await streams[0]!.finished).toMatchObject({ finishReason: 'abort', abortReason: 'gone' });
    const numPlans = runner.plans.length;
    while (engine.hasUnfinished) await settle().then(() => setImmediate());
    expect(runner.plans.slice(numPlans).every(({ numSequences }) => numSequences === 1)).toBe(true);
    expect((await decoding!.finished).ids).toEqual(completion(prompt(3)));
    expect(engine.stats.numUsedBlocks).toBe(0);
  },
);

test('timings say when a request left the queue, and null for one that never did', async () => {
  const runner = new HeldRunner({ maxBatchSize: 1 });
  const clock = new TestClock();
  await using engine = new Engine({ runner, tokenizer, clock, overlap: false });
  clock.time = 5;
  const first = engine.addRequest(prompt(1, 4, 2));
  const second = engine.addRequest(prompt(2, 4, 1));
  const third = engine.addRequest({ ...prompt(3), requestId: 'third' });
  for (let time = 10; time < 50; time += 10) {
    clock.time = time;
    const turn = engine.step();
    clock.time += 4;
    if (time === 30) engine.abort('third');
    runner.settle();
    await turn;
  }
  expect((await first.finished).timings).toMatchObject({ arrival: 5, started: 10, firstToken: 14, e2e: 19 });
  expect((await second.finished).timings).toMatchObject({ arrival: 5, started: 30, firstToken: 34 });
  expect((await third.finished).timings).toMatchObject({ arrival: 5, started: null, firstToken: null });
});
