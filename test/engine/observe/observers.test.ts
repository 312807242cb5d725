// Observers change nothing for requests, whatever they do; and no request joins a loop that is about to end.
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Engine } from '../../../src/engine/engine.ts';
import type { EngineOptions } from '../../../src/engine/engine-options.ts';
import { EngineClosedError } from '../../../src/engine/errors.ts';
import type { StepRecord } from '../../../src/engine/observe/step-record.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import { BatchScheduler } from '../../../src/scheduler/batch-scheduler.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { completion, FaultyRunner, TestClock, talesRunner } from '../../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** Rejections and exceptions that reach the process, and its warnings. */
const [stray, warn] = [vi.fn(), vi.fn()];
beforeAll(() => {
  process.on('unhandledRejection', stray);
  process.on('uncaughtExceptionMonitor', stray);
});
afterAll(() => {
  process.off('unhandledRejection', stray);
  process.off('uncaughtExceptionMonitor', stray);
});
beforeEach(() => {
  vi.spyOn(process, 'emitWarning').mockImplementation(warn);
});
afterEach(async () => {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  vi.restoreAllMocks();
  expect(stray).not.toHaveBeenCalled();
  warn.mockReset();
});

const requests = Array.from({ length: 6 }, (_, seed) => ({ promptIds: [seed, 1], sampling: { maxTokens: 5, seed } }));
const later = { promptIds: [8], sampling: { maxTokens: 4, seed: 8 } };

const boom = () => {
  throw new Error('boom');
};
const watchers: Readonly<Record<string, () => unknown>> = {
  throws: boom,
  'rejects later': async () => {
    await setImmediate();
    boom();
  },
  'throws what is no Error': () => {
    throw Object.create(null);
  },
};

describe.each(['onStep', 'onFinish'] as const)('%s', (name) => {
  describe.each([true, false])('overlap %s', (overlap) => {
    test.each(Object.entries(watchers))('that %s is reported once and changes nothing', async (_, watch) => {
      await using engine = new Engine({ runner: talesRunner(), tokenizer, overlap, observers: [{ [name]: watch }] });
      const responses = await engine.generateBatch(requests);
      for (const [index, response] of responses.entries()) {
        expect(response).toMatchObject({ finishReason: 'length', ids: completion(requests[index]!) });
      }
      expect((await engine.generate(later)).ids).toEqual(completion(later));
      for (let turn = 0; turn < 3; turn++) await setImmediate();
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn.mock.calls[0]?.[0]).toMatch(new RegExp(`^${name} of observers\\[0\\] failed: .*told once`));
    });
  });

  test('that throws is called all the same, and hides no other observer', async () => {
    const told = { onStep: 0, onFinish: 0 };
    const count = (each: 'onStep' | 'onFinish') => () => {
      told[each]++;
      if (each === name) boom();
    };
    const runner = talesRunner();
    await using engine = new Engine({
      runner,
      tokenizer,
      observers: [{ onStep: count('onStep'), onFinish: count('onFinish') }],
    });
    await engine.generateBatch(requests);
    await engine.run();
    expect(told).toEqual({ onStep: runner.plans.length, onFinish: requests.length });
  });
});

test('several observers are called in their order, and the fault of one affects no other', async () => {
  const told: string[] = [];
  /** Counts by itself, to show that `this` is kept in its methods. */
  class Counter {
    readonly name: string;
    numSteps = 0;

    constructor(name: string) {
      this.name = name;
    }

    onStep() {
      this.numSteps++;
      told.push(this.name);
    }
  }
  const [first, last] = [new Counter('first'), new Counter('last')];
  const rejects = { onStep: () => Promise.reject(new Error('later')), onFinish: boom };
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer, observers: [first, { onStep: boom }, rejects, last] });
  for (const { finishReason } of await engine.generateBatch(requests)) expect(finishReason).toBe('length');
  await engine.run();
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  expect([first.numSteps, last.numSteps]).toEqual([runner.plans.length, runner.plans.length]);
  expect(told).toEqual(runner.plans.flatMap(() => ['first', 'last']));
  expect(warn.mock.calls.map(([message]) => String(message).split(':')[0]).sort()).toEqual([
    'onFinish of observers[2] failed',
    'onStep of observers[1] failed',
    'onStep of observers[2] failed',
  ]);
});

test('a list of observers that changes later changes nothing', async () => {
  const onStep = vi.fn();
  const observers = [{ onStep }];
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer, observers });
  observers.length = 0;
  await engine.generate(later);
  await engine.run();
  expect(onStep).toHaveBeenCalledTimes(runner.plans.length);
});

test('a signal whose request has an observer that throws reaches the other listeners', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer, observers: [{ onFinish: boom }] });
  const controller = new AbortController();
  const { signal } = controller;
  const handles = requests.map((request) => engine.addRequest({ ...request, signal }));
  const other = vi.fn();
  signal.addEventListener('abort', other);
  controller.abort();
  expect(other).toHaveBeenCalledTimes(1);
  const ends = await Promise.all(handles.map(({ finished }) => finished));
  expect(ends.map(({ finishReason }) => finishReason)).toEqual(requests.map(() => 'abort'));
});

test.each(['onStep', 'onFinish'] as const)('%s may abort, add and close', async (name) => {
  const added: Promise<FinishedRequest>[] = [];
  let numCalls = 0;
  const watch = () => {
    numCalls++;
    if (numCalls === 1) added.push(engine.generate(later));
    if (numCalls === 2) engine.abort('victim');
    if (numCalls === 4) void engine.close();
  };
  const engine = new Engine({ runner: talesRunner({ maxBatchSize: 3 }), tokenizer, observers: [{ [name]: watch }] });
  const all = [...requests, { promptIds: [3], requestId: 'victim', sampling: { maxTokens: 30 } }];
  const responses = await engine.generateBatch(all);
  expect(await Promise.all(added)).toHaveLength(1);
  expect(responses.at(-1)).toMatchObject({ finishReason: 'abort' });
  await engine.close();
  expect(engine.hasUnfinished).toBe(false);
});

test('onStep that changes its record changes no timeline', async () => {
  const onStep = (record: StepRecord) => {
    // @ts-expect-error: what an observer without types may do
    record.rows.length = 0;
  };
  await using engine = new Engine({ runner: talesRunner(), tokenizer, observers: [{ onStep }], timeline: true });
  for (const { timeline, ids } of await engine.generateBatch(requests)) {
    expect(timeline?.filter(({ step }) => step !== null)).toHaveLength(ids.length);
  }
});

test('a listener that adds a request for each that ends keeps an engine busy until it is closed, and no longer', async () => {
  const refusals: unknown[] = [];
  const add = () => {
    try {
      engine.addRequest(later);
    } catch (error) {
      refusals.push(error);
    }
  };
  const engine = new Engine({ runner: talesRunner(), tokenizer, observers: [{ onFinish: add }] });
  await engine.generateBatch(requests);
  await engine.close();
  expect(engine.hasUnfinished).toBe(false);
  expect(refusals.length).toBeGreaterThan(0);
  for (const error of refusals) expect(error).toBeInstanceOf(EngineClosedError);
});

describe('a fault of the books', () => {
  /** Makes the next calls of a method of the scheduler throw. */
  function breakScheduler(method: 'schedule' | 'update' | 'fail', numFaults: number): void {
    const original = BatchScheduler.prototype[method];
    let left = numFaults;
    vi.spyOn(BatchScheduler.prototype, method).mockImplementation(function (
      this: BatchScheduler,
      ...args: Parameters<typeof original>
    ) {
      if (left-- > 0) boom();
      return Reflect.apply(original, this, args);
    });
  }

  const methods = ['schedule', 'update'] as const;
  const cases = methods.flatMap((method) => [1, 2, 3, 50].map((numFaults) => ({ method, numFaults })));

  test.each(cases)(
    'in $method, $numFaults times, ends the requests present, and none that arrives later',
    async (each) => {
      breakScheduler(each.method, each.numFaults);
      await using engine = new Engine({ runner: talesRunner({ maxBatchSize: 2 }), tokenizer });
      // Each makes a new request as soon as its own has ended with the fault, until one succeeds.
      const persist = async (request: (typeof requests)[number]): Promise<FinishedRequest> => {
        const response = await engine.generate(request);
        if (response.error === null) return response;
        expect(response).toMatchObject({ finishReason: 'error', error: 'boom' });
        return persist(request);
      };
      const responses = await Promise.all(requests.map(persist));
      expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    },
  );

  test('rejects each call that runs the loop or a step, and each may go on at once', async () => {
    breakScheduler('schedule', 2);
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const first = engine.addRequest(later);
    const stepped = engine.step();
    const seen = first.finished.then(async () => {
      // A turn that has just failed is not joined, though its promise has not settled.
      const next = engine.addRequest(later);
      await expect(engine.step()).rejects.toThrow('boom');
      expect((await next.finished).error).toBe('boom');
      const last = engine.addRequest(later);
      await engine.run();
      return last.finished;
    });
    await expect(stepped).rejects.toThrow('boom');
    expect((await seen).ids).toEqual(completion(later));
  });

  test('does not hide behind a close, which frees the runner', async () => {
    breakScheduler('update', Number.POSITIVE_INFINITY);
    const runner = talesRunner();
    const engine = new Engine({ runner, tokenizer });
    const batch = engine.generateBatch(requests);
    await engine.close();
    for (const { finishReason } of await batch) expect(finishReason).toBeOneOf(['abort', 'error']);
    await using next = new Engine({ runner, tokenizer });
    expect(next.hasUnfinished).toBe(false);
  });
});

test('blocks that a broken step was to compute are not taken for computed', async () => {
  const { schedule } = BatchScheduler.prototype;
  vi.spyOn(BatchScheduler.prototype, 'schedule').mockImplementationOnce(function (this: BatchScheduler, tokens) {
    schedule.call(this, tokens);
    return boom();
  });
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const request = { promptIds: [1, 2, 3, 4, 5, 6, 7, 8, 9], sampling: { maxTokens: 5, seed: 3 } };
  expect(await engine.generate(request)).toMatchObject({ error: 'boom' });
  expect(await engine.generate(request)).toMatchObject({ ids: completion(request), cachedTokens: 0 });
  expect(await engine.generate(request)).toMatchObject({ ids: completion(request), cachedTokens: 8 });
});

describe('a clock', () => {
  test.each<[string, () => number]>([
    ['throws', boom],
    ['gives NaN', () => Number.NaN],
    ['goes back', () => -1000],
  ])('that %s stands still, is reported at most once and costs no request', async (_, broken) => {
    let calls = 0;
    const clock = { now: () => (calls++ < 10 ? 5 : broken()) };
    const controller = new AbortController();
    await using engine = new Engine({ runner: talesRunner(), tokenizer, clock });
    const aborted = engine.addRequest({ ...later, signal: controller.signal });
    const responses = await engine.generateBatch(requests);
    controller.abort();
    await aborted.finished;
    expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    expect(responses.map(({ timings }) => timings.e2e)).toEqual(requests.map(() => 0));
    expect(warn.mock.calls.length).toBeLessThanOrEqual(1);
  });

  test('that has no time at first is refused', () => {
    const options: EngineOptions = { runner: talesRunner(), tokenizer, clock: { now: () => Number.NaN } };
    expect(() => new Engine(options)).toThrow('clock.now() is NaN, expected a finite number');
  });
});

test('a deadline that passes while steps fail ends its request once', async () => {
  const clock = new TestClock();
  const fail = () => {
    clock.time += 10;
    return Promise.reject(new Error('no luck'));
  };
  const onFinish = vi.fn();
  const runner = new FaultyRunner(() => true, fail, { maxBatchSize: 1 });
  await using engine = new Engine({ runner, tokenizer, clock, observers: [{ onFinish }] });
  const responses = await engine.generateBatch(requests.map((request) => ({ ...request, deadlineMs: 25 })));
  expect(new Set(responses.map(({ finishReason }) => finishReason))).toEqual(new Set(['error', 'abort']));
  expect(onFinish).toHaveBeenCalledTimes(requests.length);
});
