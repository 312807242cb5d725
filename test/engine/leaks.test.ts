// Thousands of requests: the memory and the blocks that they took are given back.
// @module-tag sweep
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import { Device } from '../../src/gpu/device.ts';
import { KVCacheManager } from '../../src/kv/kv-cache-manager.ts';
import { BatchScheduler } from '../../src/scheduler/batch-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { Draws } from '../fuzz/draws.ts';
import { tinyModels } from '../fuzz/fuzz-models.ts';
import { heapGrowth } from '../support/engine/heap-growth.ts';
import { TimedRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs `count` requests through an engine, a few at a time: some share prompts, some are aborted, late or choices. */
async function serve(engine: Engine, count: number, vocabSize: number): Promise<Record<string, number>> {
  const draws = new Draws(4);
  const ends: Record<string, number> = { preempted: 0, cached: 0 };
  const note = ({ finishReason, preemptions, cachedTokens }: FinishedRequest) => {
    ends[finishReason] = (ends[finishReason] ?? 0) + 1;
    if (preemptions > 0) ends.preempted!++;
    if (cachedTokens > 0) ends.cached!++;
  };
  for (let added = 0; added < count; ) {
    const shared = Array.from({ length: draws.integer(0, 12) }, (_, position) => (3 * position) % vocabSize);
    const promptIds = [...shared, ...draws.ids(draws.integer(1, 4), vocabSize)];
    const deadlineMs = draws.chance(0.3) ? draws.pick([5, 500]) : undefined;
    const request = { promptIds, deadlineMs, sampling: { maxTokens: draws.pick([1, 2, 3, 4, 16]), seed: added } };
    const handles = draws.chance(0.1) ? engine.addChoices(request, 2) : [engine.addRequest(request)];
    for (const { finished } of handles) void finished.then(note);
    added += handles.length;
    if (draws.chance(0.05)) engine.abort(handles[0]!.requestId);
    while (draws.chance(0.45)) await engine.step();
  }
  await engine.run();
  return ends;
}

/** Records the scheduler and the KV cache manager of the next engine by spying on their methods. */
function watch(): () => { scheduler: BatchScheduler; kv: KVCacheManager } {
  const schedules = vi.spyOn(BatchScheduler.prototype, 'schedule');
  const frees = vi.spyOn(KVCacheManager.prototype, 'free');
  return () => {
    const [scheduler] = new Set(schedules.mock.contexts);
    const [kv] = new Set(frees.mock.contexts);
    if (!(scheduler instanceof BatchScheduler && kv instanceof KVCacheManager)) throw new Error('nothing has run');
    return { scheduler, kv };
  };
}

/** All queues are empty and all blocks free, and the prefix cache names only blocks of the pool. */
function checkIdle({ scheduler, kv }: { scheduler: BatchScheduler; kv: KVCacheManager }): void {
  scheduler.checkIntegrity();
  const { numWaiting, numWaitingTokens, numRunning } = scheduler;
  expect({ numWaiting, numWaitingTokens, numRunning }).toEqual({ numWaiting: 0, numWaitingTokens: 0, numRunning: 0 });
  expect(kv.numFreeBlocks).toBe(kv.numBlocks);
  expect(kv.numCachedBlocks).toBeLessThanOrEqual(kv.numBlocks);
}

test('800 requests through a small pool on a GPU leave bytes, buffers and queues as they were', async () => {
  using device = await Device.open();
  const held = () => [device.liveBuffers, device.liveBytes];
  const atFirst = held();
  {
    await using runner = await tinyModels[0]!.open(device);
    const limits = { ...runner.limits, maxBatchSize: 6, numBlocks: 12, maxModelLen: 40, maxBatchTokens: 32 };
    const small: Runner = { limits, eosIds: [], execute: (plan) => runner.execute(plan), close: async () => {} };
    // The first steps make the staging buffers.
    {
      await using engine = new Engine({ runner: small, tokenizer });
      await serve(engine, 20, limits.vocabSize);
    }
    const before = held();
    const parts = watch();
    await using engine = new Engine({ runner: small, tokenizer });
    const ends = await serve(engine, 800, limits.vocabSize);
    expect(engine.hasUnfinished).toBe(false);
    expect(ends.abort).toBeGreaterThan(20);
    expect(ends.preempted).toBeGreaterThan(20);
    expect(ends.cached).toBeGreaterThan(200);
    checkIdle(parts());
    expect(held()).toEqual(before);
  }
  expect(held()).toEqual(atFirst);
});

// A request that is kept would keep its prompt, ids and text.
test('6,000 more requests leave the heap as 6,000 have left it', async () => {
  expect(await heapBytesPerRequest(6000)).toBeLessThan(100);
  const kept: FinishedRequest[] = [];
  expect(await heapBytesPerRequest(6000, (response) => kept.push(response))).toBeGreaterThan(500);
});

/** Growth of the heap per request of a round, after a round to warm up: the least of the rounds. */
async function heapBytesPerRequest(count: number, onFinish?: (response: FinishedRequest) => void): Promise<number> {
  const runner = smallRunner();
  const onStep = () => runner.plans.splice(0);
  await using engine = new Engine({ runner, tokenizer, clock: runner, observers: [{ onStep, onFinish }] });
  return await heapGrowth(count, () => serve(engine, count, 97));
}

// 20 bytes are less than any object: whatever is kept for a request, such as a handler on the loop's promise, takes
// more.
test('5,000 more requests by generate, while the engine is never idle, leave nothing each', async () => {
  expect(await heapBytesWhileBusy(5_000)).toBeLessThan(20);
  // As if each request waited for the loop, which does not end.
  const waitForLoop = (engine: Engine) => void engine.run().catch(() => {});
  expect(await heapBytesWhileBusy(5_000, waitForLoop)).toBeGreaterThan(50);
});

/** The same with requests that wait for themselves, some at a time, and one more all the time. */
async function heapBytesWhileBusy(count: number, each: (engine: Engine) => void = () => {}): Promise<number> {
  const runner = smallRunner();
  const onStep = () => runner.plans.splice(0);
  await using engine = new Engine({ runner, tokenizer, clock: runner, observers: [{ onStep }] });
  let isOver = false;
  let numStarted = 0;
  const ask = async (until: () => boolean) => {
    while (!until()) {
      const done = engine.generate({ promptIds: [++numStarted % 97, 1], sampling: { maxTokens: 3, seed: numStarted } });
      each(engine);
      await done;
    }
  };
  const busy = ask(() => isOver);
  const growth = await heapGrowth(count, async () => {
    const end = numStarted + count;
    await Promise.all(Array.from({ length: 4 }, () => ask(() => numStarted >= end)));
    expect(engine.hasUnfinished).toBe(true);
  });
  isOver = true;
  await busy;
  return growth;
}

function smallRunner(): TimedRunner {
  return new TimedRunner(() => 1, { maxBatchSize: 6, numBlocks: 10, maxModelLen: 40, maxBatchTokens: 32 });
}

test('a request that waits takes little, for thousands may', async () => {
  const engine = new Engine({ runner: new TimedRunner(() => 1) });
  const count = 4000;
  const growth = await heapGrowth(count, async () => {
    for (let index = 0; index < count; index++) engine.addRequest({ promptIds: [1, 2, 3] });
  });
  // About 1,100 bytes with the prompt; an id that is joined of its digits alone would take 700 more.
  expect(growth).toBeLessThan(1300);
  await engine.close();
});
