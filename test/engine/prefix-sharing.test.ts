// Prefix sharing: cached tokens as reported, and recomputation after preemptions and faults.
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { recount } from '../support/engine/recount.ts';
import { completion, FaultyRunner, HeldRunner, type Prompt, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** Positions `[0, shared)` as in every such prompt, then `own` tokens of its own. */
const prompt = (shared: number, own: number, seed = 1, maxTokens = 4): Prompt => ({
  promptIds: [
    ...Array.from({ length: shared }, (_, position) => 10 + position),
    ...Array.from({ length: own }, (_, position) => 1000 * seed + position),
  ],
  sampling: { maxTokens, seed },
});

describe('cachedTokens and cacheMiss', () => {
  test('tell how much of a prompt others had computed, and why it was no more', async () => {
    await using engine = new Engine({ runner: talesRunner({ blockSize: 4 }), tokenizer });
    const told = async (request: Prompt & { cacheSalt?: string }) => {
      const { cachedTokens, cacheMiss, ids } = await engine.generate(request);
      expect(ids).toEqual(completion(request));
      return [cachedTokens, cacheMiss];
    };
    expect(await told(prompt(12, 2))).toEqual([0, 'new']);
    expect(await told(prompt(12, 2))).toEqual([12, 'short']);
    // All of the prompt is cached, but its last token has to be computed.
    expect(await told(prompt(12, 0))).toEqual([8, 'short']);
    expect(await told(prompt(6, 7, 2))).toEqual([4, 'new']);
    expect(await told(prompt(3, 0))).toEqual([0, 'short']);
    expect(await told({ ...prompt(12, 2), cacheSalt: 'mine' })).toEqual([0, 'new']);
    expect(await told({ ...prompt(12, 2), cacheSalt: 'mine' })).toEqual([12, 'short']);
  });

  test('say that a prefix was there and its blocks were given to others', async () => {
    await using engine = new Engine({
      runner: talesRunner({ blockSize: 4, numBlocks: 8, maxModelLen: 32 }),
      tokenizer,
    });
    await engine.generate(prompt(12, 1));
    await engine.generate(prompt(0, 26, 3));
    expect(await engine.generate(prompt(12, 1))).toMatchObject({ cachedTokens: 0, cacheMiss: 'evicted' });
  });

  test('say that sharing is off', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, prefixCache: false });
    await engine.generate(prompt(12, 2));
    expect(await engine.generate(prompt(12, 2))).toMatchObject({ cachedTokens: 0, cacheMiss: 'off' });
  });

  test('count a block that another request of the same step computes', async () => {
    const runner = talesRunner({ blockSize: 4 });
    await using engine = new Engine({ runner, tokenizer });
    const requests = [1, 2, 3].map((seed) => prompt(16, 2, seed));
    const responses = await engine.generateBatch(requests);
    expect(responses.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 16, 16]);
    expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    expect(runner.plans[0]?.numTokens).toBe(18 + 2 + 2);
  });

  test('count generated ids, too, for a prompt that goes on from them', async () => {
    await using engine = new Engine({ runner: talesRunner({ blockSize: 4 }), tokenizer });
    const first = prompt(8, 1, 1, 12);
    const { ids } = await engine.generate(first);
    expect(ids).toHaveLength(12);
    const next = { promptIds: [...first.promptIds, ...ids, 5, 6], sampling: { maxTokens: 3, seed: 2 } };
    // The last generated id was never computed: 20 of 21 tokens are in the cache, five full blocks.
    expect(await engine.generate(next)).toMatchObject({ cachedTokens: 20, ids: completion(next) });
  });
});

describe.each([true, false])('with overlap %s, preemptions and recomputedTokens', (overlap) => {
  test.each([true, false])('agree with the steps (prefixCache %s)', async (prefixCache) => {
    const records: StepRecord[] = [];
    const runner = talesRunner({ numBlocks: 10, blockSize: 2, maxModelLen: 20, maxBatchTokens: 6 });
    const onStep = (step: StepRecord) => records.push(step);
    await using engine = new Engine({ runner, tokenizer, overlap, prefixCache, observers: [{ onStep }] });
    const requests = [1, 2, 3, 4].map((seed) => ({ ...prompt(4, 2, seed, 12), requestId: `r${seed}` }));
    const responses = await engine.generateBatch(requests);
    let numPreemptions = 0;
    for (const { requestId, preemptions, recomputedTokens, ids } of responses) {
      expect({ recomputedTokens, preemptions }).toEqual(recount(records, requestId));
      expect(ids).toEqual(completion(requests.find((request) => request.requestId === requestId)!));
      numPreemptions += preemptions;
    }
    expect(numPreemptions).toBeGreaterThan(2);
  });
});

describe('a failed step', () => {
  const fault = () => Promise.reject(new Error('lost'));

  test.each([true, false])('drops its shared blocks: no request finds them again (overlap %s)', async (overlap) => {
    const runner = new FaultyRunner(0, fault, { blockSize: 4 });
    await using engine = new Engine({ runner, tokenizer, overlap });
    const [failed] = await engine.generateBatch([prompt(12, 2)]);
    expect(failed).toMatchObject({ finishReason: 'error', error: 'lost', ids: [] });
    const again = await engine.generate(prompt(12, 2));
    expect(again).toMatchObject({ cachedTokens: 0, cacheMiss: 'evicted', ids: completion(prompt(12, 2)) });
  });

  test('restarts the requests that shared its blocks, and all end with their own ids', async () => {
    const runner = new HeldRunner({ blockSize: 4, maxBatchSize: 4 });
    await using engine = new Engine({ runner, tokenizer });
    const first = engine.addRequest(prompt(12, 2, 1));
    await engine.step();
    const second = engine.addRequest(prompt(12, 2, 2, 6));
    const turn = engine.step();
    runner.fail('lost');
    await turn;
    const third = engine.addRequest(prompt(12, 2, 3));
    await settleAll(engine, runner);
    expect(await first.finished).toMatchObject({ finishReason: 'error', error: 'lost' });
    // It had 12 tokens of the failed step; now they are computed, so no token counts as cached twice.
    expect(await second.finished).toMatchObject({
      cachedTokens: 12,
      preemptions: 1,
      ids: completion(prompt(12, 2, 2, 6)),
    });
    expect((await third.finished).ids).toEqual(completion(prompt(12, 2, 3)));
  });
});

test('a request whose logits are not finite leaves nothing that others find', async () => {
  const runner = talesRunner({ blockSize: 4 });
  runner.isBroken = ({ seed, position }) => seed === 1 && position === 16;
  await using engine = new Engine({ runner, tokenizer });
  // Two ids come before the invalid one; the last steps may have written values that are not finite.
  expect(await engine.generate(prompt(12, 2, 1))).toMatchObject({ finishReason: 'error' });
  const again = { ...prompt(12, 2, 1), sampling: { seed: 2, maxTokens: 4 } };
  expect(await engine.generate(again)).toMatchObject({ cachedTokens: 0, cacheMiss: 'evicted', ids: completion(again) });
});

describe.each([true, false])('an abort (prefixCache %s)', (prefixCache) => {
  test('frees blocks and place at once: the request that waited for them is in the next step', async () => {
    const runner = new HeldRunner({ blockSize: 4, numBlocks: 8, maxModelLen: 32 });
    const records: StepRecord[] = [];
    const options: EngineOptions = {
      runner,
      tokenizer,
      prefixCache,
      observers: [{ onStep: (step) => records.push(step) }],
    };
    await using engine = new Engine(options);
    engine.addRequest({ ...prompt(0, 20, 1, 8), requestId: 'big' });
    await engine.step();
    const waiting = engine.addRequest({ ...prompt(0, 20, 2, 8), requestId: 'waiting' });
    const turn = engine.step();
    engine.abort('big');
    runner.settle();
    await turn;
    await settleAll(engine, runner);
    expect(records.map(({ admitted }) => admitted).filter((ids) => ids.length > 0)).toEqual([['big'], ['waiting']]);
    expect(records.find(({ admitted }) => admitted.includes('waiting'))?.index).toBe(2);
    expect((await waiting.finished).ids).toEqual(completion(prompt(0, 20, 2, 8)));
  });
});

/** Runs to the end, with steps that settle one by one. */
async function settleAll(engine: Engine, runner: HeldRunner): Promise<void> {
  while (engine.hasUnfinished) {
    const turn = engine.step();
    runner.settle();
    await turn;
  }
}
