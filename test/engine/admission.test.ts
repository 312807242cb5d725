// Admission of requests: queue bounds, deadlines, priorities, and values that are no request at all.
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { QueueFullError, UnknownRequestError } from '../../src/engine/errors.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import { Detokenizer } from '../../src/tokenizer/detokenizer.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { count } from '../../src/util/count.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { completion, type Prompt, TimedRunner, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** A request with a prompt of `length` tokens. */
const ofLength = (length: number, seed = length): Prompt => ({
  promptIds: Array.from({ length }, (_, position) => 100 * seed + position),
  sampling: { maxTokens: 4, seed },
});

describe('a bound of waiting requests', () => {
  test.each([0, 1, 3])(
    'of %d lets that number wait for a full batch and refuses the next with the numbers',
    async (max) => {
      const runner = talesRunner({ maxBatchSize: 2 });
      await using engine = new Engine({ runner, tokenizer, maxQueuedRequests: max });
      const requests = Array.from({ length: 2 + max }, (_, seed) => ofLength(3, seed));
      const added = requests.map((request) => engine.addRequest(request));
      const error = caught(() => engine.addRequest({ ...ofLength(3, 9), requestId: 'late' }));
      expect(error).toBeInstanceOf(QueueFullError);
      expect(error).toMatchObject({ requestId: 'late', queued: max + 1, max });
      expect(String(error)).toContain(
        `request late would make ${count(max + 1, 'request')} wait, expected at most ${max}`,
      );

      await engine.run();
      const responses = await Promise.all(added.map(({ finished }) => finished));
      expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
      // With places free again, a request passes.
      expect((await engine.generate(ofLength(3, 9))).ids).toEqual(completion(ofLength(3, 9)));
    },
  );

  test('counts requests that wait while others run, and aborted ones no more', async () => {
    const runner = talesRunner({ maxBatchSize: 1 });
    await using engine = new Engine({ runner, tokenizer, maxQueuedRequests: 1 });
    const running = engine.addRequest(ofLength(3, 1));
    await engine.step();
    const waiting = engine.addRequest(ofLength(3, 2));
    expect(() => engine.addRequest(ofLength(3, 3))).toThrow(QueueFullError);
    engine.abort(waiting.requestId);
    const next = engine.addRequest(ofLength(3, 3));
    await engine.run();
    expect((await running.finished).ids).toEqual(completion(ofLength(3, 1)));
    expect((await next.finished).ids).toEqual(completion(ofLength(3, 3)));
  });

  test('knows that the naive scheduler runs one at a time, however many the batch holds', async () => {
    const runner = talesRunner({ maxBatchSize: 4 });
    await using engine = new Engine({ runner, tokenizer, scheduler: 'naive', maxQueuedRequests: 1 });
    for (const seed of [1, 2]) engine.addRequest(ofLength(3, seed));
    expect(() => engine.addRequest(ofLength(3, 3))).toThrow(QueueFullError);
    await engine.run();
  });

  test('refuses a batch or choices as a whole', async () => {
    await using engine = new Engine({ runner: talesRunner({ maxBatchSize: 2 }), tokenizer, maxQueuedRequests: 1 });
    const running = engine.addRequest(ofLength(3, 1));
    await expect(engine.generateBatch([1, 2, 3].map((seed) => ofLength(4, seed)))).rejects.toThrow(QueueFullError);
    expect(() => engine.addChoices(ofLength(4), 3)).toThrow(QueueFullError);
    const choices = engine.addChoices(ofLength(4), 2);
    expect(choices).toHaveLength(2);
    await engine.run();
    expect((await running.finished).ids).toEqual(completion(ofLength(3, 1)));
  });
});

describe('a bound of waiting prompt tokens', () => {
  test('counts the tokens of waiting requests, and names the numbers', async () => {
    const runner = talesRunner({ maxBatchSize: 1 });
    await using engine = new Engine({ runner, tokenizer, maxQueuedTokens: 20 });
    const handles = [engine.addRequest(ofLength(30))];
    await engine.step();
    handles.push(engine.addRequest(ofLength(9)), engine.addRequest(ofLength(11)));
    const error = caught(() => engine.addRequest({ ...ofLength(1), requestId: 'drop' }));
    expect(error).toMatchObject({ name: 'QueueFullError', requestId: 'drop', queued: 21, max: 20 });
    expect(String(error)).toContain('would make 21 prompt tokens wait, expected at most 20');
    await engine.run();
    const responses = await Promise.all(handles.map(({ finished }) => finished));
    expect(responses.map(({ ids }) => ids)).toEqual([30, 9, 11].map((length) => completion(ofLength(length))));
  });

  test('does not hold up a request that finds a place', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, maxQueuedTokens: 0, maxQueuedRequests: 0 });
    expect((await engine.generate(ofLength(30))).ids).toEqual(completion(ofLength(30)));
  });
});

test.each([
  { maxQueuedRequests: -1 },
  { maxQueuedRequests: 0.5 },
  { maxQueuedTokens: Number.NaN },
  { maxQueuedTokens: Number.POSITIVE_INFINITY },
])('a queue of %o is refused', (bounds) => {
  const [name] = Object.keys(bounds);
  const make = () => new Engine({ runner: talesRunner(), tokenizer, ...bounds });
  expect(make).toThrow(RangeValueError);
  expect(make).toThrow(`${name} is`);
});

describe('a deadline', () => {
  /** A step takes 10 ms. */
  const timed = (maxBatchSize: number) => new TimedRunner(() => 10, { maxBatchSize });
  const long = { promptIds: [1, 2, 3], sampling: { seed: 5, maxTokens: 20, ignoreEos: true } };

  test('ends a running request, and keeps its ids so far', async () => {
    const runner = timed(2);
    await using engine = new Engine({ runner, tokenizer, clock: runner, overlap: false });
    const other = engine.addRequest(ofLength(4));
    const late = engine.addRequest({ ...long, deadlineMs: 65 });
    await engine.run();
    const response = await late.finished;
    expect(response).toMatchObject({ finishReason: 'abort', ids: completion(long).slice(0, 7), stopReason: null });
    expect(response.error).toBe('deadline passed 5 ms ago');
    const detokenizer = new Detokenizer(tokenizer);
    expect(response.text).toBe(response.ids.map((id) => detokenizer.push(id)).join(''));
    expect(response.timings.e2e).toBe(70);
    expect(await other.finished).toMatchObject({ finishReason: 'length', ids: completion(ofLength(4)) });
  });

  test('ends a request that waits, which never takes its place', async () => {
    const runner = timed(1);
    const steps: StepRecord[] = [];
    await using engine = new Engine({
      runner,
      tokenizer,
      clock: runner,
      observers: [{ onStep: (step) => steps.push(step) }],
    });
    const running = engine.addRequest(long);
    const late = engine.addRequest({ ...ofLength(4), requestId: 'late', deadlineMs: 30, timeline: true });
    const next = engine.addRequest(ofLength(5));
    await engine.run();
    expect(await late.finished).toMatchObject({ finishReason: 'abort', ids: [], text: '', cacheMiss: null });
    expect((await late.finished).timeline).toEqual([{ kind: 'queued', start: 0, end: 30, step: null }]);
    expect(steps.flatMap(({ admitted }) => admitted)).not.toContain('late');
    expect((await running.finished).ids).toEqual(completion(long));
    expect((await next.finished).ids).toEqual(completion(ofLength(5)));
  });

  test('that is met changes nothing, and counts from the arrival that was given', async () => {
    const runner = timed(2);
    await using engine = new Engine({ runner, tokenizer, clock: runner, overlap: false });
    runner.wait(100);
    const met = engine.addRequest({ ...ofLength(3), deadlineMs: 41 });
    const missed = engine.addRequest({ ...ofLength(5), arrival: 70, deadlineMs: 41 });
    await engine.run();
    expect(await met.finished).toMatchObject({ finishReason: 'length', error: null });
    expect(await missed.finished).toMatchObject({ finishReason: 'abort', error: 'deadline passed 9 ms ago' });
    expect((await missed.finished).ids).toEqual(completion(ofLength(5)).slice(0, 2));
  });

  test('frees blocks: the request that waited for them starts in the turn that finds it passed', async () => {
    const runner = new TimedRunner(() => 10, { numBlocks: 6, blockSize: 4, maxModelLen: 24 });
    const steps: StepRecord[] = [];
    const onStep = (step: StepRecord) => steps.push(step);
    await using engine = new Engine({ runner, tokenizer, clock: runner, overlap: false, observers: [{ onStep }] });
    engine.addRequest({ ...long, requestId: 'late', deadlineMs: 25 });
    const next = engine.addRequest({
      promptIds: ofLength(20).promptIds,
      requestId: 'next',
      sampling: { maxTokens: 2 },
    });
    await engine.run();
    expect(steps.map(({ submitted, admitted }) => [submitted, admitted]).slice(0, 4)).toEqual([
      [0, ['late']],
      [10, []],
      [20, []],
      [30, ['next']],
    ]);
    expect((await next.finished).finishReason).not.toBe('abort');
  });
});

describe('priorities', () => {
  /** The order in which requests start, one at a time. */
  async function startsOf(policy: 'fcfs' | 'priority' | 'shortest-prompt-first', requests: GenerationRequest[]) {
    const runner = new TimedRunner(() => 10, { maxBatchSize: 1 });
    const starts: string[] = [];
    await using engine = new Engine({
      ...{ runner, tokenizer, queuePolicy: policy, clock: runner },
      observers: [{ onStep: ({ admitted }) => starts.push(...admitted) }],
    });
    for (const request of requests) engine.addRequest(request);
    await engine.run();
    return starts.join(' ');
  }

  const named = [
    { ...ofLength(9), requestId: 'a', priority: 1 },
    { ...ofLength(2), requestId: 'b' },
    { ...ofLength(5), requestId: 'c', priority: -1.5 },
    { ...ofLength(2), requestId: 'd', priority: -100 },
  ];

  test.each([
    { policy: 'fcfs', order: 'a b c d' },
    { policy: 'priority', order: 'd c b a' },
    { policy: 'shortest-prompt-first', order: 'b d c a' },
  ] as const)('$policy starts $order', async ({ policy, order }) => {
    expect(await startsOf(policy, named)).toBe(order);
  });

  test('an unknown policy is refused with the known ones', () => {
    // @ts-expect-error: what a caller without types may say
    const make = () => new Engine({ runner: talesRunner(), tokenizer, queuePolicy: 'lifo' });
    expect(make).toThrow('queuePolicy is "lifo", expected one of fcfs, priority, shortest-prompt-first');
  });
});

describe('a request that makes no sense is refused by name while others go on:', () => {
  const refused: readonly [string, object, string][] = [
    ['a priority that is no number', { priority: 'high' }, 'priority is "high", expected a number in [-100, 100]'],
    ['a NaN priority', { priority: Number.NaN }, 'priority is NaN, expected a number in [-100, 100]'],
    ['a priority out of range', { priority: 101 }, 'priority is 101, expected a number in [-100, 100]'],
    ['an arrival in the future', { arrival: 51 }, 'arrival is 51, expected a number, at most 50, which it is now'],
    ['an arrival that is no number', { arrival: '3' }, 'arrival is "3", expected a number'],
    ['an arrival before all time', { arrival: Number.NEGATIVE_INFINITY }, 'arrival is -Infinity, expected a number'],
    ['a deadline of no time', { deadlineMs: 0 }, 'deadlineMs is 0, expected a number above 0, the time since arrival'],
    ['a deadline in the past', { arrival: 20, deadlineMs: 30 }, 'deadlineMs is 30, expected a number above 30'],
    ['a NaN deadline', { deadlineMs: Number.NaN }, 'deadlineMs is NaN, expected a number above 0'],
    ['a deadline that is no number', { deadlineMs: '9' }, 'deadlineMs is "9", expected a number above 0'],
    ['a salt that is no text', { cacheSalt: 7 }, 'cacheSalt is 7, expected text'],
    ['an id that is no text', { requestId: 7 }, 'requestId is 7, expected text'],
    ['the id of one that runs', { requestId: 'other' }, 'requestId is "other", expected one that no unfinished'],
  ];

  test.each(refused)('%s', async (_, wrong, message) => {
    const runner = new TimedRunner(() => 10);
    await using engine = new Engine({ runner, tokenizer, clock: runner });
    runner.wait(50);
    const other = engine.addRequest({ ...ofLength(6), requestId: 'other' });
    await engine.step();
    const request = { ...ofLength(3), ...wrong };
    for (const add of [() => engine.addRequest(request), () => engine.stream(request)]) {
      const error = caught(add);
      expect(error).toBeInstanceOf(RangeValueError);
      expect(String(error)).toContain(message);
    }
    await engine.run();
    expect((await other.finished).ids).toEqual(completion(ofLength(6)));
  });

  test('the abort of an unknown id', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const other = engine.addRequest({ ...ofLength(6), requestId: 'other' });
    await engine.step();
    for (const id of ['unknown', '', '__proto__']) expect(() => engine.abort(id)).toThrow(UnknownRequestError);
    expect(() => engine.abort('unknown')).toThrow(
      'request unknown is unknown, expected the id of one that has not ended',
    );
    await engine.run();
    expect((await other.finished).ids).toEqual(completion(ofLength(6)));
  });
});

/** Error that a call throws; null when it throws none. */
function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return null;
}
