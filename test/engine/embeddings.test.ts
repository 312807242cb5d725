// Embeddings among other requests: the mean or the last of a prompt's hidden states, whatever chunks, batches, preemptions and the cache
// make of it; their ends, refusals and faults.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ModelLimits, StepResult } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import {
  EngineClosedError,
  QueueFullError,
  RequestAbortedError,
  RequestFailedError,
  StepResultError,
} from '../../src/engine/errors.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { fakeEmbedding } from '../support/engine/fake-runner.ts';
import { completion, FaultyRunner, HeldRunner, TestClock, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A prompt of 23 tokens, in blocks of 4 not full. */
const promptIds = Array.from({ length: 23 }, (_, i) => 3 * i + 1);
const POOLINGS = ['mean', 'last'] as const;
const cases = schedulerNames.flatMap((scheduler) => ([0, 1, 2] as const).map((numLeft) => ({ scheduler, numLeft })));

describe.each(cases)('$scheduler scheduler, $numLeft steps left unread: an embedding', ({ scheduler, numLeft }) => {
  const engineOn = (runner: ReturnType<typeof talesRunner>, options = {}) => {
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(numLeft);
    return new Engine({ runner, tokenizer, scheduler, ...options });
  };

  test.each([1, 2, 7, 64])(
    'is that of the whole prompt in chunks of %i tokens, and no row is sampled',
    async (chunk) => {
      const runner = talesRunner({ maxBatchTokens: Math.max(chunk, 4), maxBatchSize: Math.min(chunk, 4) });
      await using engine = engineOn(runner);
      for (const pooling of POOLINGS) {
        for (const length of [1, 2, 23]) {
          const ids = promptIds.slice(0, length);
          const { embedding } = await engine.embed({ promptIds: ids, pooling });
          expect(embedding, `${pooling} of ${length}`).toEqual(fakeEmbedding(ids, pooling));
        }
      }
      expect(runner.plans.flatMap(({ samplingRows }) => samplingRows)).toEqual([]);
      // Nothing is pooled in a step that has no embedding.
      const numPlans = runner.plans.length;
      await engine.generate({ promptIds, sampling: { maxTokens: 2 } });
      expect(runner.plans.slice(numPlans).every((plan) => plan.pooled === undefined)).toBe(true);
    },
  );

  test('comes in the steps of requests that generate, and changes no id of theirs', async () => {
    const runner = talesRunner({ maxBatchTokens: 9 });
    await using engine = engineOn(runner);
    const prompts = [1, 2, 9, 23].map((length, seed) => ({
      promptIds: promptIds.slice(0, length),
      sampling: { maxTokens: 6, seed },
    }));
    const texts = engine.generateBatch(prompts);
    const embeddings = engine.embedBatch(
      prompts.map((each, i) => ({ promptIds: each.promptIds, pooling: POOLINGS[i % 2] })),
    );
    expect((await texts).map(({ ids }) => ids)).toEqual(prompts.map(completion));
    for (const [i, { embedding }] of (await embeddings).entries()) {
      expect(embedding).toEqual(fakeEmbedding(prompts[i]!.promptIds, POOLINGS[i % 2]));
    }
    const isMixed = runner.plans.some(({ pooled, samplingRows }) => pooled && samplingRows.length > 0);
    expect(isMixed).toBe(scheduler === 'online');
  });
});

test.each(POOLINGS)('the %s is the same after a preemption, which computes its prompt again', async (pooling) => {
  // The text takes a block more while the embedding has all the others.
  const runner = talesRunner({ numBlocks: 8, maxBatchTokens: 3, maxBatchSize: 3 });
  await using engine = new Engine({ runner, tokenizer, queuePolicy: 'priority' });
  const text = { promptIds: [5, 6], sampling: { maxTokens: 20, seed: 1 } };
  const generated = engine.generate({ ...text, priority: 0 });
  const { embedding, preemptions, recomputedTokens } = await engine.embed({ promptIds, pooling, priority: 1 });
  expect(preemptions).toBeGreaterThan(0);
  expect(recomputedTokens).toBeGreaterThan(0);
  expect(embedding).toEqual(fakeEmbedding(promptIds, pooling));
  expect((await generated).ids).toEqual(completion(text));
});

test('the mean takes no token from the prefix cache and leaves them there; the last takes what there is', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const first = await engine.embed({ promptIds });
  expect(first).toMatchObject({ promptTokens: 23, cachedTokens: 0, cacheMiss: 'off' });
  expect(await engine.embed({ promptIds })).toMatchObject({ embedding: first.embedding, cachedTokens: 0 });
  expect(await engine.embed({ promptIds, pooling: 'last' })).toMatchObject({
    embedding: fakeEmbedding(promptIds, 'last'),
    cachedTokens: 20,
    cacheMiss: 'short',
  });
  expect(await engine.embed({ promptIds, pooling: 'last', cacheSalt: 'other' })).toMatchObject({ cachedTokens: 0 });
  expect((await engine.generate({ promptIds, sampling: { maxTokens: 1 } })).cachedTokens).toBe(20);
  expect(engine.stats).toMatchObject({ promptTokens: 5 * 23, generatedTokens: 1, prefixHits: 40 });
});

test('the last of the hidden states is in steps without a chunk of its own where the rest is cached', async () => {
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer });
  await engine.embed({ promptIds, pooling: 'last' });
  const numPlans = runner.plans.length;
  await engine.embed({ promptIds: promptIds.slice(0, 21), pooling: 'last' });
  expect(runner.plans.slice(numPlans).map(({ numTokens }) => numTokens)).toEqual([1]);
});

test('a text is embedded as its ids are, an empty one as the eos, and a prompt may fill the context', async () => {
  await using engine = new Engine({ runner: talesRunner({ maxModelLen: 23 }), tokenizer });
  const text = 'Once upon a time';
  const { embedding, promptTokens } = await engine.embed({ prompt: text });
  const ids = tokenizer.encode(text);
  expect(promptTokens).toBe(ids.length);
  expect(embedding).toEqual(fakeEmbedding(ids));
  expect((await engine.embed({ prompt: '' })).embedding).toEqual(fakeEmbedding(tokenizer.eosIds.slice(0, 1)));
  expect((await engine.embed({ promptIds })).embedding).toEqual(fakeEmbedding(promptIds));
});

test('normalize scales it to length 1, and leaves zeros as they are', async () => {
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer });
  const [x, y] = fakeEmbedding(promptIds);
  const length = Math.sqrt(x! * x! + y! * y!);
  const { embedding } = await engine.embed({ promptIds, normalize: true });
  expect(embedding).toEqual(Float32Array.of(x! / length, y! / length));
  vi.spyOn(runner, 'compute').mockImplementation(() => ({
    ids: Int32Array.of(),
    finite: Uint8Array.of(),
    embeddings: [new Float32Array(2)],
  }));
  expect((await engine.embed({ promptIds, normalize: true })).embedding).toEqual(new Float32Array(2));
});

test('observers and timings have an embedding as a request that gives no token', async () => {
  const finished: FinishedRequest[] = [];
  const clock = new TestClock();
  const observers = [{ onFinish: (request: FinishedRequest) => finished.push(request) }];
  await using engine = new Engine({ runner: talesRunner(), tokenizer, clock, observers });
  clock.time = 3;
  const result = await engine.embed({ promptIds, requestId: 'e', timeline: true });
  expect(result.timings).toMatchObject({
    arrival: 3,
    started: 3,
    firstToken: null,
    ttft: null,
    tokenTimes: [],
    e2e: 0,
  });
  expect(result.timeline?.map(({ kind }) => kind)).toEqual(['prefill']);
  expect(finished).toMatchObject([
    { requestId: 'e', finishReason: 'stop', ids: [], text: '', embedding: fakeEmbedding(promptIds) },
  ]);
  await engine.generate({ promptIds, sampling: { maxTokens: 1 } });
  expect(finished[1]?.embedding).toBeNull();
});

describe('an embedding ends without a vector', () => {
  test('when its signal, its deadline, an abort by id or the close of the engine comes first', async () => {
    const runner = new HeldRunner();
    const clock = new TestClock();
    const engine = new Engine({ runner, tokenizer, clock });
    const controller = new AbortController();
    const why = new Error('no longer needed');
    const embed = (fields = {}) => engine.embed({ promptIds, ...fields }).catch((error: unknown) => error);
    const [signalled, late, named, closed] = [
      embed({ signal: controller.signal, requestId: 'a' }),
      embed({ deadlineMs: 5, requestId: 'b' }),
      embed({ requestId: 'c' }),
      embed({ requestId: 'd' }),
    ];
    while (runner.numHeld === 0) await setImmediate();
    controller.abort(why);
    engine.abort('c');
    clock.time = 6;
    runner.settle();
    expect(await signalled).toEqual(new RequestAbortedError('a', null, why));
    expect(await signalled).toMatchObject({ cause: why, requestId: 'a', isLate: false });
    expect(await named).toEqual(new RequestAbortedError('c', null, null));
    const lateEnd = await late;
    const closing = engine.close();
    while (engine.hasUnfinished) {
      runner.settle();
      await setImmediate();
    }
    await closing;
    const ends = [lateEnd, await closed];
    expect(lateEnd).toBeInstanceOf(RequestAbortedError);
    expect(lateEnd).toMatchObject({ isLate: true });
    expect(ends.map((end) => (end instanceof Error ? end.message : end))).toEqual([
      expect.stringMatching(/^request b was aborted: deadline passed \d ms ago$/),
      expect.stringMatching(/^request d was aborted: by its caller$/),
    ]);
    await expect(engine.embed({ promptIds })).rejects.toThrow(EngineClosedError);
  });

  test('when its hidden states are not finite, and no other request does; they are not in the cache', async () => {
    const broken = async (result: StepResult) => ({
      ...result,
      embeddings: result.embeddings!.map((each, i) => (i === 0 ? each.fill(Number.NaN) : each)),
    });
    await using engine = new Engine({ runner: new FaultyRunner(0, broken), tokenizer });
    const other = promptIds.toReversed();
    const [first, second, text] = await Promise.allSettled([
      engine.embed({ promptIds, requestId: 'a' }),
      engine.embed({ promptIds: other }),
      engine.generate({ promptIds: [4], sampling: { maxTokens: 3, seed: 1 } }),
    ]);
    expect(first).toMatchObject({
      reason: new RequestFailedError('a', 'hidden states of the prompt are not finite'),
    });
    expect(second).toMatchObject({ value: { embedding: fakeEmbedding(other) } });
    expect(text).toMatchObject({ value: { ids: completion({ promptIds: [4], sampling: { maxTokens: 3, seed: 1 } }) } });
    expect((await engine.embed({ promptIds, pooling: 'last' })).cachedTokens).toBe(0);
  });

  test('when its step fails; one that waits goes on', async () => {
    const runner = new FaultyRunner(1, () => Promise.reject(new Error('step failed')), {
      maxBatchTokens: 12,
      maxBatchSize: 1,
    });
    await using engine = new Engine({ runner, tokenizer });
    const [first, second] = await Promise.allSettled([
      engine.embed({ promptIds, requestId: 'a' }),
      engine.embed({ promptIds, requestId: 'b' }),
    ]);
    expect(first).toMatchObject({ reason: new RequestFailedError('a', 'step failed') });
    expect(second).toMatchObject({ value: { embedding: fakeEmbedding(promptIds) } });
  });

  test('when a result lacks it or has something else in its place', async () => {
    const faults: ((result: StepResult) => object)[] = [
      ({ embeddings: _, ...result }) => result,
      (result) => ({ ...result, embeddings: [...result.embeddings!, ...result.embeddings!] }),
      (result) => ({ ...result, embeddings: [[1, 2]] }),
    ];
    const errors = await Promise.all(
      faults.map(async (fault) => {
        const runner = new FaultyRunner(0, async (result) =>
          Object.assign(result, { embeddings: undefined }, fault(result)),
        );
        await using engine = new Engine({ runner, tokenizer });
        return await engine.embed({ promptIds, requestId: 'a' }).catch((error: unknown) => error);
      }),
    );
    expect(errors).toEqual(
      [
        new StepResultError('0 embeddings', '1'),
        new StepResultError('2 embeddings', '1'),
        new StepResultError('embedding 0: [1, 2]', 'a Float32Array'),
      ].map(({ message }) => new RequestFailedError('a', message)),
    );
  });
});

describe('embed refuses', () => {
  const limits: Partial<ModelLimits> = { maxModelLen: 30, numBlocks: 7 };
  test.each([
    [{ pooling: 'max' }, 'pooling is "max", expected one of mean, last'],
    [{ pooling: null }, 'pooling is null, expected one of mean, last'],
    [{ normalize: 1 }, 'normalize is 1, expected true or false'],
    [{ sampling: { maxTokens: 4 } }, 'key of embedding request is "sampling", expected one of'],
    [{ normalise: true }, 'did you mean "normalize"?'],
    [{ prompt: 'a' }, 'request is "with both", expected either prompt or promptIds'],
    [{ promptIds: undefined }, 'request is "without prompt", expected either prompt or promptIds'],
    [{ promptIds: [1, 8192] }, 'prompt id 1 is 8192, expected an integer in [0, 8192)'],
    [{ promptIds: Array(31).fill(1) }, 'prompt length is 31, expected at most maxModelLen, 30'],
    [{ promptIds: Array(29).fill(1) }, 'needs 8 blocks of 4 tokens'],
    [{ deadlineMs: 0 }, 'deadlineMs is 0, expected a number above 0'],
    [{ priority: 101 }, 'priority is 101, expected a number in [-100, 100]'],
    [{ signal: {} }, 'signal is an object, expected an AbortSignal'],
  ])('%o', async (fields, message) => {
    await using engine = new Engine({ runner: talesRunner(limits), tokenizer, clock: new TestClock() });
    const request = { promptIds, ...fields };
    await expect(Reflect.apply(engine.embed, engine, [request])).rejects.toThrow(message);
    await expect(Reflect.apply(engine.embedBatch, engine, [[{ promptIds }, request]])).rejects.toThrow(message);
    expect(() => Reflect.apply(engine.addEmbedding, engine, [request])).toThrow(message);
    expect(engine.hasUnfinished).toBe(false);
  });

  test('no list, no object, an id that is taken, and more than the queue holds', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, maxQueuedRequests: 0 });
    await expect(Reflect.apply(engine.embedBatch, engine, ['text'])).rejects.toThrow(
      'requests is "text", expected a list',
    );
    await expect(Reflect.apply(engine.embed, engine, ['text'])).rejects.toThrow(
      'embedding request is "text", expected an object',
    );
    const handles = [0, 1, 2].map((i) => engine.addEmbedding({ promptIds, requestId: `${i}` }));
    await expect(engine.embed({ promptIds, requestId: '1' })).rejects.toThrow('requestId is "1"');
    engine.addEmbedding({ promptIds });
    await expect(engine.embed({ promptIds })).rejects.toThrow(QueueFullError);
    await engine.run();
    for (const { finished } of handles) expect((await finished).embedding).toEqual(fakeEmbedding(promptIds));
  });
});
