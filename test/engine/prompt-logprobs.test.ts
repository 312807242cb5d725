// Log-probabilities of prompts: one record a prompt id whatever the chunks, batches, preemptions and the cache, and prompts that are
// scored alone.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { BatchPlan } from '../../src/core/batch-plan.ts';
import type { ModelLimits, StepResult } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import { StepResultError } from '../../src/engine/errors.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner, fakeScores } from '../support/engine/fake-runner.ts';
import { completion, FaultyRunner, HeldRunner, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** A prompt of 23 tokens, in blocks of 4 not full. */
const promptIds = Array.from({ length: 23 }, (_, i) => 3 * i + 1);
const sampling = { maxTokens: 5, seed: 2 };
const request = { promptIds, sampling, promptLogprobs: 2 };
const want = [null, ...fakeScores(promptIds, 2)];

/** Number of scored tokens of all steps. */
function numScored({ plans }: FakeRunner): number {
  return plans.reduce((sum, { scored }) => sum + (scored?.rows.length ?? 0), 0);
}

describe.each([0, 1, 2] as const)('with %i steps left unread, log-probabilities of a prompt', (numLeft) => {
  const engineOn = (runner: FakeRunner, options = {}) => {
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(numLeft);
    return new Engine({ runner, tokenizer, ...options });
  };

  test.each([1, 2, 7, 64])(
    'come one per id in chunks of %i tokens, with the ids of a request without them',
    async (chunk) => {
      const runner = talesRunner({ maxBatchTokens: Math.max(chunk, 4), maxBatchSize: Math.min(chunk, 4) });
      await using engine = engineOn(runner);
      expect(await engine.generate(request)).toMatchObject({ promptLogprobs: want, ids: completion(request) });
      expect(numScored(runner)).toBe(22);
    },
  );

  test('come for the requests of a batch that asked, each its own', async () => {
    await using engine = engineOn(talesRunner({ maxBatchTokens: 16 }));
    const prompts = [1, 2, 9, 23].map((length, i) => ({
      promptIds: promptIds.slice(0, length),
      sampling: { maxTokens: 3, seed: i },
    }));
    const counts = [0, null, 3, 20];
    const responses = await engine.generateBatch(prompts.map((each, i) => ({ ...each, promptLogprobs: counts[i] })));
    for (const [i, each] of prompts.entries()) {
      const count = counts[i] ?? null;
      expect(responses[i]?.promptLogprobs).toEqual(
        count === null ? null : [null, ...fakeScores(each.promptIds, count)],
      );
      expect(responses[i]?.ids).toEqual(completion(each));
    }
  });

  test('are reported once where preemptions compute the prompt again', async () => {
    const runner = talesRunner({ numBlocks: 15, maxBatchTokens: 8 });
    await using engine = engineOn(runner, { prefixCache: false });
    const requests = [0, 1, 2].map((seed) => ({
      promptIds: promptIds.slice(seed),
      sampling: { maxTokens: 20, seed },
      promptLogprobs: 1,
    }));
    const responses = await engine.generateBatch(requests);
    expect(responses.reduce((sum, { preemptions }) => sum + preemptions, 0)).toBeGreaterThan(0);
    for (const [i, each] of requests.entries()) {
      expect(responses[i]?.promptLogprobs).toEqual([null, ...fakeScores(each.promptIds, 1)]);
      expect(responses[i]?.ids).toEqual(completion(each));
    }
    expect(numScored(runner)).toBe(22 + 21 + 20);
  });

  test('take no token of the prompt from the cache, and leave them there', async () => {
    await using engine = engineOn(talesRunner());
    await engine.generate({ promptIds, sampling });
    expect(await engine.generate(request)).toMatchObject({ promptLogprobs: want, cachedTokens: 0, cacheMiss: 'off' });
    expect((await engine.generate({ promptIds, sampling })).cachedTokens).toBe(20);
  });

  test('end a request with an error where the logits of its prompt are not finite, and no other', async () => {
    class BrokenRunner extends FakeRunner {
      override compute(plan: BatchPlan): StepResult {
        const result = super.compute(plan);
        const broken = result.promptLogprobs?.map((each, i) =>
          plan.positions[plan.scored!.rows[i]!] === 9 ? { ...each, logprob: Number.NaN } : each,
        );
        return { ...result, ...(broken && { promptLogprobs: broken }) };
      }
    }
    const runner = new BrokenRunner({ vocabSize: 8192, maxBatchTokens: 8 });
    await using engine = engineOn(runner);
    const short = { ...request, promptIds: promptIds.slice(0, 6) };
    const [broken, other] = await engine.generateBatch([request, short]);
    expect(broken).toMatchObject({ finishReason: 'error', error: 'logits for position 10 are not finite', ids: [] });
    // Those of the chunk before the broken one.
    expect(broken?.promptLogprobs?.length).toBeLessThanOrEqual(9);
    expect(other).toMatchObject({ finishReason: 'length', promptLogprobs: want.slice(0, 6) });
    // What it computed is not in the cache.
    expect((await engine.generate({ promptIds, sampling })).cachedTokens).toBeLessThanOrEqual(8);
  });

  test('of a prompt that fills the context are computed with maxTokens 0, and nothing is generated', async () => {
    const runner = talesRunner({ maxModelLen: 23, maxBatchTokens: 8 });
    await using engine = engineOn(runner);
    const scoring = { promptIds, promptLogprobs: 2, sampling: { maxTokens: 0, logprobs: 1 } };
    const { promise: ended, resolve } = Promise.withResolvers<number>();
    const stream = engine.stream({ ...scoring, requestId: 'streamed' });
    let numPieces = 0;
    void (async () => {
      for await (const _ of stream) numPieces++;
      resolve(numPieces);
    })();
    for (const response of [await engine.generate(scoring), await stream.finished]) {
      expect(response).toMatchObject({ promptLogprobs: want, ids: [], text: '', logprobs: [], finishReason: 'length' });
      expect(response.timings).toMatchObject({ firstToken: null, ttft: null, tokenTimes: [] });
    }
    expect(await ended).toBe(0);
    // By default a prompt without room for one more generates nothing, too.
    expect(await engine.generate({ promptIds, promptLogprobs: 0 })).toMatchObject({ ids: [], finishReason: 'length' });
    expect(await engine.generate({ promptIds: [5], promptLogprobs: 0, sampling: { maxTokens: 0 } })).toMatchObject({
      promptLogprobs: [null],
      finishReason: 'length',
    });
  });
});

test('the first of several choices reports them, and the others share the prompt', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const choices = await engine.generateChoices(request, 3);
  expect(choices.map(({ promptLogprobs }) => promptLogprobs)).toEqual([want, null, null]);
  expect(choices.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 20, 20]);
});

test('a stream has them before its first piece, and what there is when its request is aborted', async () => {
  const runner = new HeldRunner({ maxBatchTokens: 16 });
  await using engine = new Engine({ runner, tokenizer, overlap: false });
  const settle = async () => {
    while (runner.numHeld === 0) await setImmediate();
    runner.settle();
  };
  const stream = engine.stream({ ...request, sampling: { maxTokens: 1 } });
  const early = stream.promptLogprobs;
  await settle();
  await settle();
  expect(await early).toEqual(want);
  await stream.finished;
  const cut = engine.stream(request);
  await settle();
  while (runner.numHeld === 0) await setImmediate();
  await cut.return();
  runner.settle();
  expect(await cut.promptLogprobs).toEqual(want.slice(0, 17));
  expect((await cut.finished).promptLogprobs).toEqual(want.slice(0, 17));
});

test('a step that fails while other chunks are in flight loses and doubles none of those that it does not concern', async () => {
  vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(2);
  const runner = new FaultyRunner(3, () => Promise.reject(new Error('step failed')), {
    maxBatchTokens: 5,
    maxBatchSize: 5,
  });
  await using engine = new Engine({ runner, tokenizer, queuePolicy: 'priority' });
  // The one that decodes is in the failing step; the long prompt is not, as no token of it fits beside five that decode.
  const others = [0, 1, 2, 3, 4].map((seed) => ({
    promptIds: [seed + 50],
    sampling: { maxTokens: 9, seed },
    priority: -1,
  }));
  const responses = await engine.generateBatch([...others, { ...request, priority: 0 }]);
  expect(responses.slice(0, 5).every(({ finishReason }) => finishReason === 'error')).toBe(true);
  expect(responses[5]).toMatchObject({ promptLogprobs: want, ids: completion(request) });
});

test('a result without a score, or with that of another id, ends the requests of its step', async () => {
  const faults: ((result: StepResult) => StepResult)[] = [
    ({ promptLogprobs: _, ...result }) => result,
    (result) => ({ ...result, promptLogprobs: result.promptLogprobs!.slice(1) }),
    (result) => ({ ...result, promptLogprobs: result.promptLogprobs!.map((each) => ({ ...each, id: each.id + 1 })) }),
  ];
  const errors = await Promise.all(
    faults.map(async (fault) => {
      const runner = new FaultyRunner(0, async (result) => fault(result));
      await using engine = new Engine({ runner, tokenizer });
      return (await engine.generate(request)).error;
    }),
  );
  expect(errors).toEqual([
    new StepResultError('0 scores of prompt ids', '22').message,
    new StepResultError('21 scores of prompt ids', '22').message,
    new StepResultError('score 0 of 5', 'that of prompt id 4').message,
  ]);
});

describe('addRequest refuses', () => {
  const limits: Partial<ModelLimits> = { maxModelLen: 20_000, maxBatchTokens: 64, numBlocks: 6000 };
  test.each([
    [{ promptLogprobs: 21 }, 'promptLogprobs is 21, expected an integer in [0, 20]'],
    [{ promptLogprobs: -1 }, 'promptLogprobs is -1, expected an integer in [0, 20]'],
    [{ promptLogprobs: true }, 'promptLogprobs is true, expected an integer in [0, 20]'],
    [{ sampling: { maxTokens: 0 } }, 'maxTokens is 0, expected an integer ≥ 1'],
    [{ promptLogprobs: 0, sampling: { maxTokens: -1 } }, 'maxTokens is -1, expected an integer ≥ 0'],
    [{ promptLogprobs: 0, sampling: { maxTokens: 0, minTokens: 1 } }, 'minTokens is 1, expected at most maxTokens, 0'],
    [
      { promptIds: Array(20_001).fill(1), promptLogprobs: 0, sampling: { maxTokens: 0 } },
      'prompt length is 20001, expected at most maxModelLen, 20000',
    ],
    [
      { promptIds: Array(12_484).fill(1), promptLogprobs: 20 },
      'number of promptLogprobs is 262164, expected at most 262144: 12484 prompt tokens, 21 each',
    ],
  ])('%o', async (fields, message) => {
    await using engine = new Engine({ runner: talesRunner(limits), tokenizer });
    expect(() => Reflect.apply(engine.addRequest, engine, [{ promptIds, ...fields }])).toThrow(message);
    expect(engine.hasUnfinished).toBe(false);
  });

  test('none at the bounds', async () => {
    await using engine = new Engine({ runner: talesRunner(limits), tokenizer });
    const { finished } = engine.addRequest({ promptIds: Array(12_483).fill(1), promptLogprobs: 20 });
    await engine.close();
    expect((await finished).promptLogprobs).toEqual([null]);
    await using other = new Engine({ runner: talesRunner(), tokenizer });
    expect((await other.generate({ promptIds, promptLogprobs: null, sampling })).promptLogprobs).toBeNull();
  });
});
