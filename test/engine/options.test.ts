// Options and arguments as a caller without types may pass them: each wrong one is refused by name, and nothing runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
let engine: Engine;
const runner = talesRunner();
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  engine = new Engine({ runner, tokenizer });
});
afterAll(() => engine.close());

/** Error that a call throws, or with which its promise rejects. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Calls without the types of the callee. */
function untyped(callee: (...args: never[]) => unknown, ...args: readonly unknown[]): unknown {
  return Reflect.apply(callee, engine, args);
}

const symbol = Symbol('s');
const requests: readonly (readonly [unknown, string])[] = [
  [undefined, 'request is undefined, expected an object'],
  [null, 'request is null, expected an object'],
  ['Once', 'request is "Once", expected an object'],
  [[1, 2], 'request is [1, 2], expected an object'],
  [{}, 'request is "without prompt", expected either prompt or promptIds'],
  [{ promptIds: null }, 'promptIds is null, expected a list of token ids'],
  [{ promptIds: 5 }, 'promptIds is 5, expected a list'],
  [{ promptIds: 'abc' }, 'promptIds is "abc", expected a list'],
  [{ promptIds: {} }, 'promptIds is an object, expected a list'],
  [{ promptIds: new Set([1]) }, 'promptIds is an object of class Set, expected a list'],
  [{ promptIds: [1, '2'] }, 'prompt id 1 is "2", expected an integer in [0, 8192)'],
  [{ promptIds: [1n] }, 'prompt id 0 is 1, expected an integer'],
  [{ promptIds: new Float32Array([0.5]) }, 'prompt id 0 is 0.5, expected an integer'],
  [{ prompt: 5 }, 'prompt is 5, expected text'],
  [{ prompt: null }, 'prompt is null, expected text'],
  [{ prompt: ['a'] }, 'prompt is ["a"], expected text'],
  [{ prompt: 'a', sampling: 5 }, 'sampling is 5, expected an object'],
  [{ prompt: 'a', sampling: null }, 'sampling is null, expected an object'],
  [{ prompt: 'a', sampling: [] }, 'sampling is [], expected an object'],
  [{ prompt: 'a', sampling: { max_tokens: 5 } }, 'key of sampling is "max_tokens"'],
  [{ prompt: 'a', sampling: { maxTokens: 5n } }, 'maxTokens is 5, expected an integer'],
  [{ prompt: 'a', sampling: { temperature: symbol } }, 'temperature is Symbol(s), expected a finite number'],
  [{ prompt: 'a', maxTokens: 5 }, 'key of request is "maxTokens", expected one of prompt, promptIds,'],
  [{ prompt: 'a', deadline: 5 }, '(did you mean "deadlineMs"?)'],
  [{ prompts: 'a' }, '(did you mean "prompt"?)'],
  [{ prompt: 'a', request_id: 'x' }, '(did you mean "requestId"?)'],
  [{ prompt: 'a', requestId: 5 }, 'requestId is 5, expected text'],
  [{ prompt: 'a', requestId: null }, 'requestId is null, expected text'],
  [{ prompt: 'a', parseSpecial: 'no' }, 'parseSpecial is "no", expected true or false'],
  [{ prompt: 'a', parseSpecial: null }, 'parseSpecial is null, expected true or false'],
  [{ prompt: 'a', cacheSalt: 5 }, 'cacheSalt is 5, expected text'],
  [{ prompt: 'a', priority: '1' }, 'priority is "1", expected a number in [-100, 100]'],
  [{ prompt: 'a', priority: 1n }, 'priority is 1, expected a number in [-100, 100]'],
  [{ prompt: 'a', priority: symbol }, 'priority is Symbol(s), expected a number in [-100, 100]'],
  [{ prompt: 'a', priority: Number.NaN }, 'priority is NaN, expected a number in [-100, 100]'],
  [{ prompt: 'a', deadlineMs: '5' }, 'deadlineMs is "5", expected a number above 0'],
  [{ prompt: 'a', deadlineMs: null }, 'deadlineMs is null, expected a number above 0'],
  [{ prompt: 'a', deadlineMs: Number.NaN }, 'deadlineMs is NaN, expected a number above 0'],
  [{ prompt: 'a', deadlineMs: symbol }, 'deadlineMs is Symbol(s), expected a number above 0'],
  [{ prompt: 'a', arrival: 5n }, 'arrival is 5, expected a number'],
  [{ prompt: 'a', arrival: new Date(0) }, 'arrival is an object of class Date, expected a number'],
  [{ prompt: 'a', timeline: 'yes' }, 'timeline is "yes", expected true or false'],
  [{ prompt: 'a', timeline: 1 }, 'timeline is 1, expected true or false'],
  [{ prompt: 'a', signal: {} }, 'signal is an object, expected an AbortSignal'],
  [{ prompt: 'a', signal: null }, 'signal is null, expected an AbortSignal'],
];

describe.each(requests.map(([request, message]) => ({ request, message })))('$message', ({ request, message }) => {
  test.each(['addRequest', 'generate', 'stream'] as const)('is refused by %s', async (method) => {
    const error = await errorOf(() => untyped(engine[method], request));
    expect(error).toBeInstanceOf(RangeValueError);
    expect(String(error)).toContain(message);
  });

  test('is refused in a list, of which nothing runs, and for choices', async () => {
    const error = await errorOf(() => untyped(engine.generateBatch, [{ prompt: 'a' }, request]));
    expect(String(error)).toContain(message);
    expect(String(await errorOf(() => untyped(engine.generateChoices, request, 2)))).toContain(message);
    await engine.run();
    expect(runner.plans).toHaveLength(0);
  });
});

test('a typed array of ids is a list', async () => {
  await using own = new Engine({ runner: talesRunner(), tokenizer });
  const handle = untyped(own.generate.bind(own), { promptIds: Int32Array.of(1, 2), sampling: { maxTokens: 1 } });
  expect(await handle).toMatchObject({ promptTokens: 2, finishReason: 'length' });
});

test.each<[unknown, string]>([
  ['text', 'requests is "text", expected a list of requests'],
  [undefined, 'requests is undefined, expected a list of requests'],
  [{ length: 1 }, 'requests is an object, expected a list of requests'],
  [[undefined], 'request is undefined, expected an object'],
])('generateBatch(%j) is refused', async (list, message) => {
  const error = await errorOf(() => untyped(engine.generateBatch, list));
  expect(error).toBeInstanceOf(RangeValueError);
  expect(String(error)).toContain(message);
});

test.each([undefined, null, '2', 1.5, 0, -1, 129, Number.NaN, 2n, {}])('%s choices are refused', async (n) => {
  const error = await errorOf(() => untyped(engine.addChoices, { prompt: 'a' }, n));
  expect(error).toBeInstanceOf(RangeValueError);
  expect(String(error)).toMatch(/n is .*, expected an integer in \[1, 128\]/);
});

test.each([undefined, null, 5, Symbol('s'), {}])('abort(%s) names the id that it was given', async (id) => {
  expect(await errorOf(() => untyped(engine.abort, id))).toMatchObject({ name: 'UnknownRequestError', requestId: id });
});

describe('options of Engine', () => {
  const good = { scheduler: 'naive', overlap: false };

  test.each<[unknown, string]>([
    [undefined, 'options of Engine is undefined, expected an object'],
    [null, 'options of Engine is null, expected an object'],
    ['online', 'options of Engine is "online", expected an object'],
  ])('%j are refused', (options, message) => {
    expect(() => Reflect.construct(Engine, [options])).toThrow(message);
    expect(() => Reflect.construct(Engine, [options])).toThrow(RangeValueError);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ maxstepms: 5 }, 'key of options of Engine is "maxstepms"'],
    [{ prefixcache: true }, '(did you mean "prefixCache"?)'],
    [{ prefixCaching: true }, '(did you mean "prefixCache"?)'],
    [{ model: {} }, 'key of options of Engine is "model", expected one of runner, tokenizer,'],
    [{ runner: undefined }, 'runner is undefined, expected an object that has execute()'],
    [{ runner: null }, 'runner is null, expected an object that has execute()'],
    [{ runner: {} }, 'runner is an object, expected an object that has execute()'],
    [{ runner: { execute: () => {} } }, 'runner.limits is undefined, expected an object'],
    [{ runner: { execute: () => {}, limits: {} } }, 'vocabSize is undefined, expected an integer ≥ 1'],
    [{ runner: { execute: () => {}, limits: { vocabSize: 9 } } }, 'maxBatchSize is undefined, expected an integer ≥ 1'],
    [{ tokenizer: {} }, 'tokenizer is an object, expected an object that has encode()'],
    [{ tokenizer: 'weights/tales' }, 'tokenizer is "weights/tales", expected an object that has encode()'],
    [{ clock: {} }, 'clock is an object, expected an object that has now()'],
    [{ clock: Date.now }, 'clock is function now, expected an object that has now()'],
    [{ scheduler: 'fast' }, 'scheduler is "fast", expected one of naive, offline, online'],
    [{ scheduler: null }, 'scheduler is null, expected one of'],
    [
      { queuePolicy: 5 },
      'queuePolicy is 5, expected one of fcfs, priority, shortest-prompt-first, or an object that has rank()',
    ],
    [{ queuePolicy: { admits: () => true } }, 'queuePolicy is an object, expected one of'],
    [
      { scheduler: { rank: () => 0 } },
      'scheduler is an object, expected one of naive, offline, online, or an object that has admits()',
    ],
    [
      { scheduler: { admits: () => true, maxRunning: 0 } },
      'maxRunning of the scheduler is 0, expected an integer ≥ 1, or Infinity',
    ],
    [{ scheduler: { admits: () => true, maxRunning: '2' } }, 'maxRunning of the scheduler is "2"'],
    [{ overlap: 'yes' }, 'overlap is "yes", expected true or false'],
    [{ overlap: null }, 'overlap is null, expected true or false'],
    [{ prefixCache: 0 }, 'prefixCache is 0, expected true or false'],
    [{ timeline: 'no' }, 'timeline is "no", expected true or false'],
    [{ timeKernels: 1 }, 'timeKernels is 1, expected true or false'],
    [{ maxStepMs: '5' }, 'maxStepMs is "5", expected a number > 0'],
    [{ maxStepMs: null }, 'maxStepMs is null, expected a number > 0'],
    [{ maxQueuedRequests: 1.5 }, 'maxQueuedRequests is 1.5, expected an integer ≥ 0'],
    [{ maxQueuedTokens: '5' }, 'maxQueuedTokens is "5", expected an integer ≥ 0'],
    [{ maxQueuedTokens: null }, 'maxQueuedTokens is null, expected an integer ≥ 0'],
    [{ observers: 5 }, 'observers is 5, expected a list of objects that have onStep(), onFinish() or both'],
    [{ observers: null }, 'observers is null, expected a list of objects'],
    [{ observers: { onStep: () => {} } }, 'observers is an object, expected a list of objects'],
    [{ observers: [() => {}] }, 'observers is [function], expected a list of objects'],
    [{ observers: [{ onstep: () => {} }] }, 'observers is [an object], expected a list of objects'],
    [{ observers: [{ onStep: () => {}, onFinish: 5 }] }, 'observers is [an object], expected a list of objects'],
    [{ observers: new Array(1) }, 'observers is [], expected a list of objects'],
  ])('%s are refused', (options, message) => {
    const all = { runner: talesRunner(), tokenizer, ...good, ...options };
    expect(() => Reflect.construct(Engine, [all])).toThrow(message);
    expect(() => Reflect.construct(Engine, [all])).toThrow(RangeValueError);
  });
});
