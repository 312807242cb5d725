// Ends that a caller asks for: an aborted or closed request settles once, frees its blocks, and changes no other
// request's ids.
import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { EngineClosedError, UnknownRequestError } from '../../src/engine/errors.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { completion, HeldRunner, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 10, seed: 4 } };
const cases = schedulerNames.flatMap((scheduler) => [true, false].map((overlap) => ({ scheduler, overlap })));

describe.each(cases)('$scheduler scheduler, overlap $overlap', ({ scheduler, overlap }) => {
  test('an abort in the midst of generating keeps the text streamed so far and leaves the others alone', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, scheduler, overlap });
    const controller = new AbortController();
    const others = [5, 6].map((seed) => ({ promptIds: [seed, 1], sampling: { maxTokens: 15, seed } }));
    const stream = engine.stream({ ...prompt, signal: controller.signal });
    const rest = engine.generateBatch(others);
    let text = '';
    let numPieces = 0;
    for (let result = await stream.next(); !result.done; result = await stream.next()) {
      text += result.value.text;
      if (++numPieces === 4) controller.abort();
    }
    const { value: response } = await stream.return();
    expect(response).toMatchObject({ finishReason: 'abort', error: null, text, ids: completion(prompt).slice(0, 4) });
    expect(response.timings.tokenTimes).toHaveLength(4);
    expect((await rest).map(({ ids }) => ids)).toEqual(others.map(completion));
  });

  test('closing settles running and waiting requests and ends the loop', async () => {
    const runner = talesRunner({ maxBatchSize: 2 });
    const engine = new Engine({ runner, tokenizer, scheduler, overlap });
    const requests = Array.from({ length: 5 }, (_, seed) => ({ promptIds: [seed], sampling: { maxTokens: 50, seed } }));
    const batch = engine.generateBatch(requests);
    while (runner.plans.length < 4) await setImmediate();
    await engine.close();
    const numPlans = runner.plans.length;
    for (const [index, { ids, finishReason }] of (await batch).entries()) {
      expect(finishReason).toBe('abort');
      expect(ids).toEqual(completion(requests[index] ?? prompt).slice(0, ids.length));
    }
    expect(engine.hasUnfinished).toBe(false);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    expect(runner.plans).toHaveLength(numPlans);
    expect(runner.closed).toBe(false);
  });
});

describe('a signal', () => {
  test('that has aborted before ends the request at once, without a step', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const { finished } = engine.addRequest({ ...prompt, signal: AbortSignal.abort() });
    expect(engine.hasUnfinished).toBe(false);
    expect(await finished).toMatchObject({ finishReason: 'abort', ids: [], text: '' });
    expect(await engine.generate({ ...prompt, signal: AbortSignal.abort() })).toMatchObject({ finishReason: 'abort' });
    await engine.run();
    expect(runner.plans).toHaveLength(0);
  });

  test('that has aborted before does not hide that the request is invalid', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const request = { promptIds: [], prompt: '', signal: AbortSignal.abort() };
    expect(() => engine.addRequest(request)).toThrow('request is "with both"');
  });

  test('ends a waiting request, whose place is never taken', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const controller = new AbortController();
    const { finished } = engine.addRequest({ ...prompt, signal: controller.signal });
    controller.abort();
    expect((await finished).finishReason).toBe('abort');
    await engine.run();
    expect(runner.plans).toHaveLength(0);
  });

  test('ends a request whose step is in flight, and the result is dropped', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer });
    const controller = new AbortController();
    const response = engine.generate({ ...prompt, signal: controller.signal });
    while (runner.numHeld < 2) await setImmediate();
    controller.abort();
    expect(await response).toMatchObject({ finishReason: 'abort', ids: [] });
    runner.settle();
    runner.settle();
    await engine.run();
    expect((await response).ids).toEqual([]);
  });

  test('has no listener left once the request has ended, and may abort then', async () => {
    const runner = talesRunner();
    runner.isBroken = ({ seed }) => seed === 99;
    await using engine = new Engine({ runner, tokenizer });
    const controller = new AbortController();
    const { signal } = controller;
    const requests = [prompt, { ...prompt, sampling: { seed: 99 } }, { ...prompt, requestId: 'aborted' }];
    const batch = engine.generateBatch(requests.map((request) => ({ ...request, signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(3);
    engine.abort('aborted');
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    const responses = await batch;
    expect(responses.map(({ finishReason }) => finishReason)).toEqual(['length', 'error', 'abort']);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    controller.abort();
    expect(responses[0]?.ids).toEqual(completion(prompt));
  });
});

describe('abort', () => {
  test('tells whether there was anything to abort', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const { requestId, finished } = engine.addRequest(prompt);
    expect(() => engine.abort('other')).toThrow(new UnknownRequestError('other'));
    engine.abort(requestId);
    expect(() => engine.abort(requestId)).toThrow(UnknownRequestError);
    expect((await finished).finishReason).toBe('abort');
  });

  test('frees the id for a new request while a step of the old one is in flight', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer });
    const old = engine.addRequest({ ...prompt, requestId: 'same' });
    await engine.step();
    engine.abort('same');
    const request = { promptIds: [9], sampling: { maxTokens: 2, seed: 1 } };
    const renewed = engine.addRequest({ ...request, requestId: 'same' });
    const loop = engine.run();
    while (engine.hasUnfinished) {
      runner.settle();
      await setImmediate();
    }
    await loop;
    expect(await old.finished).toMatchObject({ finishReason: 'abort', ids: [] });
    expect((await renewed.finished).ids).toEqual(completion(request));
  });
});

describe('close', () => {
  test.each([true, false])('waits for the step in flight (overlap %s)', async (overlap) => {
    const runner = new HeldRunner();
    const engine = new Engine({ runner, tokenizer, overlap });
    const response = engine.generate(prompt);
    while (runner.numHeld < (overlap ? 2 : 1)) await setImmediate();
    let isClosed = false;
    const closing = engine.close().then(() => {
      isClosed = true;
    });
    expect((await response).finishReason).toBe('abort');
    for (; runner.numHeld > 0; runner.settle()) {
      for (let turn = 0; turn < 3; turn++) await setImmediate();
      expect(isClosed).toBe(false);
    }
    await closing;
  });

  test('waits for a step that was submitted by hand', async () => {
    const runner = new HeldRunner();
    const engine = new Engine({ runner, tokenizer });
    engine.addRequest(prompt);
    await engine.step();
    const closing = engine.close();
    await setImmediate();
    expect(engine.hasUnfinished).toBe(true);
    runner.settle();
    await closing;
    expect(engine.hasUnfinished).toBe(false);
  });

  test('may be called again, and the engine takes no more requests', async () => {
    const engine = new Engine({ runner: talesRunner(), tokenizer });
    await Promise.all([engine.close(), engine.close()]);
    await engine[Symbol.asyncDispose]();
    expect(() => engine.addRequest(prompt)).toThrow(EngineClosedError);
    expect(() => engine.stream(prompt)).toThrow('engine is closed, expected requests before close()');
    await expect(engine.generate(prompt)).rejects.toThrow(EngineClosedError);
    await expect(engine.generateBatch([prompt])).rejects.toThrow(EngineClosedError);
    expect(() => engine.abort('any')).toThrow(UnknownRequestError);
    expect(await engine.step()).toBe(false);
    await engine.run();
  });
});
