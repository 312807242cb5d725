// Checks of a request before it is queued: a bad one is refused by name with the numbers, and leaves nothing in the
// queue.
import { beforeAll, describe, expect, test } from 'vitest';
import { createSequence } from '../../src/engine/create-sequence.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import { RequestTooLargeError } from '../../src/scheduler/request-too-large-error.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { completion, EOS, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

// The runner holds 64 tokens a sequence.
const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 4, seed: 4 } };
const long = (length: number): number[] => Array(length).fill(7);

const refused: readonly [string, GenerationRequest, string][] = [
  ['a negative temperature', { promptIds: [1], sampling: { temperature: -0.5 } }, 'temperature is -0.5, expected'],
  ['topP 0', { promptIds: [1], sampling: { topP: 0 } }, 'topP is 0, expected a number in (0, 1]'],
  ['minP above 1', { promptIds: [1], sampling: { minP: 1.5 } }, 'minP is 1.5, expected a number in [0, 1]'],
  ['a fractional maxTokens', { promptIds: [1], sampling: { maxTokens: 1.5 } }, 'maxTokens is 1.5, expected an integer'],
  ['a seed of 2^53', { promptIds: [1], sampling: { seed: 2 ** 53 } }, 'seed is 9007199254740992, expected'],
  ['a prompt that fills the context', { promptIds: long(64) }, 'prompt length is 64, expected at most 63'],
  ['a prompt beyond the context', { promptIds: long(70) }, 'prompt length is 70, expected at most 63'],
  [
    'more new tokens than the context has room for',
    { promptIds: long(60), sampling: { maxTokens: 5 } },
    'maxTokens is 5, expected at most 4, the room that the prompt leaves',
  ],
  [
    'prompt and promptIds',
    { prompt: 'a', promptIds: [1] },
    'request is "with both", expected either prompt or promptIds',
  ],
  ['neither prompt nor promptIds', {}, 'request is "without prompt", expected either prompt or promptIds'],
  ['an id beyond the vocabulary', { promptIds: [1, 8192] }, 'prompt id 1 is 8192, expected an integer in [0, 8192)'],
  ['a negative id', { promptIds: [-1] }, 'prompt id 0 is -1, expected an integer in [0, 8192)'],
  ['a fractional id', { promptIds: [1, 2, 0.5] }, 'prompt id 2 is 0.5, expected an integer in [0, 8192)'],
  ['a NaN id', { promptIds: [Number.NaN] }, 'prompt id 0 is NaN, expected an integer in [0, 8192)'],
];

describe('a request with', () => {
  test.each(refused)('%s is refused before anything is queued', async (_, request, message) => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    for (const add of [() => engine.addRequest(request), () => engine.stream(request)]) {
      expect(add).toThrow(RangeValueError);
      expect(add).toThrow(message);
    }
    await expect(engine.generate(request)).rejects.toThrow(message);
    await expect(engine.generateBatch([prompt, request, prompt])).rejects.toThrow(message);
    expect(engine.hasUnfinished).toBe(false);
    await engine.run();
    expect(runner.plans).toHaveLength(0);
  });

  test('values of the wrong type is refused by name', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    // @ts-expect-error: what a caller without types may say
    expect(() => engine.addRequest({ prompt: 5 })).toThrow('prompt is 5, expected text');
    // @ts-expect-error: likewise
    expect(() => engine.addRequest({ prompt: null })).toThrow('prompt is null, expected text');
    // @ts-expect-error: likewise
    expect(() => engine.addRequest({ promptIds: ['1'] })).toThrow('prompt id 0 is "1", expected an integer');
    // @ts-expect-error: likewise
    expect(() => engine.addRequest({ ...prompt, signal: 'stop' })).toThrow('signal is "stop", expected an AbortSignal');
    // @ts-expect-error: likewise
    expect(() => engine.addRequest({ ...prompt, sampling: { max_tokens: 3 } })).toThrow(
      'key of sampling is "max_tokens", expected one of maxTokens',
    );
    expect(engine.hasUnfinished).toBe(false);
  });

  test('more blocks than the pool has is refused, and a batch with it queues none', async () => {
    const runner = talesRunner({ numBlocks: 4, blockSize: 4 });
    await using engine = new Engine({ runner, tokenizer });
    const request = { promptIds: long(10), requestId: 'big', sampling: { maxTokens: 7 } };
    await expect(engine.generateBatch([prompt, request])).rejects.toThrow(
      'request big needs 5 blocks of 4 tokens for its prompt and maxTokens, expected at most 4',
    );
    expect(() => engine.addRequest(request)).toThrow(RequestTooLargeError);
    expect(engine.hasUnfinished).toBe(false);
    expect((await engine.generate({ ...request, sampling: { maxTokens: 6 } })).ids).toHaveLength(6);
  });

  test('a bad neighbour is refused while others go on', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const good = engine.generate(prompt);
    await expect(engine.generate({ promptIds: [1], sampling: { topK: -1 } })).rejects.toThrow('topK is -1');
    expect((await good).ids).toEqual(completion(prompt));
  });
});

describe('the context', () => {
  test('may be filled to its last token', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const request = { promptIds: long(60), sampling: { maxTokens: 4, seed: 1 } };
    expect((await engine.generate(request)).ids).toEqual(completion(request));
    expect((await engine.generate({ promptIds: long(63) })).ids).toHaveLength(1);
  });

  test('clips the default of 16 new tokens', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const generate = async (length: number) =>
      (await engine.generate({ promptIds: long(length), sampling: { seed: 2, ignoreEos: true } })).ids.length;
    expect([await generate(48), await generate(49)]).toEqual([16, 15]);
  });
});

describe('request ids', () => {
  test('of requests that have not ended are refused a second time', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const request = { ...prompt, requestId: 'one' };
    const { finished } = engine.addRequest(request);
    expect(() => engine.addRequest(request)).toThrow('requestId is "one", expected one that no unfinished request has');
    await engine.run();
    expect((await finished).ids).toEqual(completion(prompt));
    expect((await engine.generate(request)).ids).toEqual(completion(prompt));
  });

  test('that appear twice in a batch are refused, and none is queued', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const request = { ...prompt, requestId: 'one' };
    await expect(engine.generateBatch([request, request])).rejects.toThrow('requestId is "one"');
    expect(engine.hasUnfinished).toBe(false);
  });

  test('are any strings', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const names = ['__proto__', 'constructor', 'toString', '', 'é'];
    const responses = await engine.generateBatch(names.map((requestId) => ({ ...prompt, requestId })));
    expect(responses.map(({ requestId }) => requestId)).toEqual(names);
    for (const { ids } of responses) expect(ids).toEqual(completion(prompt));
  });

  test('are drawn where none is given', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const [first, second] = [engine.addRequest(prompt), engine.addRequest(prompt)];
    expect(first.requestId).not.toBe(second.requestId);
    for (const { requestId } of [first, second]) engine.abort(requestId);
  });
});

describe('an empty prompt', () => {
  test.each([{ prompt: '' }, { promptIds: [] }])('becomes the eos token: %o', async (empty) => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const sampling = { maxTokens: 4, seed: 4 };
    const response = await engine.generate({ ...empty, sampling });
    expect(response.promptTokens).toBe(1);
    expect(response.ids).toEqual(completion({ promptIds: [EOS], sampling }));
  });

  test('is refused where there is no eos token', () => {
    const context = {
      tokenizer: { encode: () => [], missingFile: null },
      eosIds: [],
      limits: talesRunner().limits,
      now: 0,
      sharesPrefixes: true,
    };
    expect(() => createSequence({ prompt: '' }, context)).toThrow('prompt is "", expected at least one token');
  });
});

test('a request keeps its prompt when the caller changes the array', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const promptIds = [1, 2, 3];
  const { finished } = engine.addRequest({ ...prompt, promptIds });
  promptIds[0] = 99;
  await engine.run();
  expect((await finished).ids).toEqual(completion(prompt));
});

test('an unknown scheduler is refused', () => {
  // @ts-expect-error: what a caller without types may say
  expect(() => new Engine({ runner: talesRunner(), tokenizer, scheduler: 'fast' })).toThrow('scheduler is "fast"');
});
