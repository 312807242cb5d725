// A model and its engine as one object: it gives the engine's results, and owns both.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deriveSeed } from '../src/core/sampling-params.ts';
import type { StepRecord } from '../src/engine/observe/step-record.ts';
import type { LLM } from '../src/llm.ts';
import { load } from '../src/load.ts';
import { RangeValueError } from '../src/util/errors.ts';

const MODEL = 'weights/tales';
const sampling = { maxTokens: 6, seed: 3 };
const quick = { maxModelLen: 64, warmUp: false, tune: 'off' } as const;

let llm: LLM;
const steps: StepRecord[] = [];
beforeAll(async () => {
  llm = await load(MODEL, {
    ...quick,
    maxBatchSize: 2,
    scheduler: 'naive',
    observers: [{ onStep: (step) => void steps.push(step) }],
  });
});
afterAll(() => llm.close());

test("a prompt gives the engine's result, and so do a request and a stream", async () => {
  const expected = await llm.engine.generate({ prompt: 'Once upon a time', sampling });
  expect(expected.text).not.toBe('');
  const { ids } = expected;
  expect(await llm.generate('Once upon a time', sampling)).toMatchObject({ ids, text: expected.text });
  expect((await llm.generate({ prompt: 'Once upon a time', sampling })).ids).toEqual(ids);
  expect((await llm.generate({ promptIds: llm.tokenizer.encode('Once upon a time') }, sampling)).ids).toEqual(ids);
  let text = '';
  for await (const piece of llm.stream('Once upon a time', sampling)) text += piece.text;
  expect(text).toBe(expected.text);
});

test('a list gives a list in its order, each prompt with a seed of its own', async () => {
  const responses = await llm.generate(
    ['A frog', { prompt: 'A frog' }, { prompt: 'A frog', sampling: { seed: 9 } }],
    sampling,
  );
  expect(responses.map(({ seed }) => seed)).toEqual([deriveSeed(3, 0), deriveSeed(3, 1), 9]);
  expect(new Set(responses.map(({ text }) => text)).size).toBe(3);
  const alone = await llm.generate('A frog', { ...sampling, seed: deriveSeed(3, 1) });
  expect(responses[1]?.ids).toEqual(alone.ids);
  expect(await llm.generate([], sampling)).toEqual([]);
});

test('its options reach the engine and the model', () => {
  expect(llm.model.runner.limits).toMatchObject({ maxBatchSize: 2, maxModelLen: 64 });
  expect(Math.max(...steps.map(({ rows }) => rows.length))).toBe(1); // naive
});

describe('a prompt or option of the wrong kind is refused by name', () => {
  test.each<[unknown, unknown, string]>([
    [5, {}, 'prompt is 5, expected text, a request, or a list of these'],
    [undefined, {}, 'prompt is undefined'],
    [['a', 5], {}, 'prompt is 5'],
    ['a', 5, 'sampling is 5, expected an object'],
    ['a', { seed: 'x' }, 'seed is "x"'],
    [['a'], { seed: 'x' }, 'seed is "x"'],
    ['a', { max_tokens: 5 }, 'key of sampling is "max_tokens"'],
    [{ prompt: 'a', sampling: 5 }, {}, 'sampling is 5, expected an object'],
    [{ prompts: 'a' }, {}, 'key of request is "prompts"'],
  ])('%j with %j', async (prompt, options, message) => {
    const call = (): Promise<unknown> => Reflect.apply(llm.generate, llm, [prompt, options]);
    await expect(call()).rejects.toThrow(message);
    await expect(call()).rejects.toThrow(RangeValueError);
  });

  test.each<[object, string]>([
    [{ maxBatch: 4 }, '(did you mean "maxBatchSize"?)'],
    [{ runner: {} }, 'key of options of load is "runner"'],
    [{ scheduler: 'fast' }, 'scheduler is "fast"'],
    [{ maxStepMs: 0 }, 'maxStepMs is 0'],
    [{ maxQueuedRequests: -1 }, 'maxQueuedRequests is -1'],
    [{ observers: 5 }, 'observers is 5'],
    [{ dtype: 'f64' }, 'dtype is "f64"'],
  ])('%j, before any file is read', async (options, message) => {
    await expect(load('nowhere', options)).rejects.toThrow(message);
  });
});

test('closing it twice ends its requests, its engine and its model', async () => {
  const own = await load(MODEL, quick);
  const pending = own.generate('Once', { maxTokens: 40 });
  await own.close();
  await own.close();
  expect((await pending).finishReason).toBe('abort');
  await expect(own.generate('Once')).rejects.toThrow('engine is closed');
  expect(own.model.runner.failure).toBeInstanceOf(Error); // its device is gone
});
