// Faults of a step: they end the requests in it and no others, and reach every caller as a typed error, never as an
// unhandled rejection.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { StepResult } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import { RequestFailedError } from '../../src/engine/errors.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { FakeRunner } from '../support/engine/fake-runner.ts';
import { completion, FaultyRunner, HeldRunner, TestClock, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Ways in which a step can go wrong. */
const faults: Readonly<Record<string, (result: StepResult) => Promise<StepResult>>> = {
  'is rejected': () => Promise.reject(new Error('device is lost')),
  'is rejected with no Error': () => Promise.reject('device is lost'),
  'is refused at once': () => {
    throw new Error('device is lost');
  },
};

const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 6, seed: 4 } };
const cases = schedulerNames.flatMap((scheduler) => ([0, 1, 2] as const).map((numLeft) => ({ scheduler, numLeft })));

describe.each(cases)('$scheduler scheduler, $numLeft steps left unread', ({ scheduler, numLeft }) => {
  beforeEach(() => {
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(numLeft);
  });

  test.each(Object.entries(faults))('a step that %s ends the requests in it and no others', async (_, fault) => {
    const runner = new FaultyRunner(1, fault, { maxBatchSize: 2 });
    await using engine = new Engine({ runner, tokenizer, scheduler });
    const prompts = Array.from({ length: 6 }, (_, seed) => ({
      promptIds: [seed, 1],
      sampling: { maxTokens: 5, seed },
    }));
    const responses = await engine.generateBatch(prompts);
    const numConcerned = scheduler === 'naive' ? 1 : 2;
    for (const [index, response] of responses.entries()) {
      const whole = completion(prompts[index] ?? prompt);
      // The step before has given its id.
      if (index < numConcerned) {
        expect(response).toMatchObject({ finishReason: 'error', error: 'device is lost', ids: whole.slice(0, 1) });
      } else {
        expect(response).toMatchObject({ finishReason: 'length', error: null, ids: whole });
      }
    }
    const later = { promptIds: [8], sampling: { maxTokens: 4, seed: 8 } };
    expect((await engine.generate(later)).ids).toEqual(completion(later));
  });

  test('a row that is not finite ends only its request', async () => {
    const runner = talesRunner();
    runner.isBroken = ({ seed, position }) => seed === 1 && position === 4;
    await using engine = new Engine({ runner, tokenizer, scheduler });
    const prompts = [0, 1, 2].map((seed) => ({ promptIds: [seed, 5], sampling: { maxTokens: 6, seed } }));
    const responses = await engine.generateBatch(prompts);
    expect(responses).toMatchObject([
      { finishReason: 'length', error: null },
      { finishReason: 'error', error: 'logits for position 4 are not finite' },
      { finishReason: 'length', error: null },
    ]);
    const [first, second, third] = prompts.map(completion);
    expect(responses.map(({ ids }) => ids)).toEqual([first, second?.slice(0, 2), third]);
    expect(responses[1]?.timings.tokenTimes).toHaveLength(2);
  });
});

test.each<[string, (result: StepResult) => StepResult, string]>([
  ['ids', ({ ids, finite }) => ({ ids: ids.slice(1), finite }), '1 ids and 2 finite flags'],
  ['flags', ({ ids }) => ({ ids, finite: new Uint8Array(0) }), '2 ids and 0 finite flags'],
])('a step that brings back too few %s fails and is not applied in part', async (_, cut, found) => {
  const runner = new FaultyRunner(2, (result) => Promise.resolve(cut(result)), {});
  await using engine = new Engine({ runner, tokenizer });
  const responses = await engine.generateBatch([prompt, prompt]);
  for (const { error, ids } of responses) {
    expect(error).toBe(`runner gave ${found}, expected 2 of each`);
    expect(ids).toEqual(completion(prompt).slice(0, 2));
  }
});

test('a step that fails before anybody looks at it is no unhandled rejection', async () => {
  const runner = new HeldRunner();
  const engine = new Engine({ runner, tokenizer });
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const { finished } = engine.addRequest(prompt);
  await engine.step();
  runner.fail('device is lost');
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  expect(unhandled).not.toHaveBeenCalled();
  process.off('unhandledRejection', unhandled);
  const turn = engine.step();
  runner.settle();
  await turn;
  expect(await finished).toMatchObject({ finishReason: 'error', error: 'device is lost', ids: [] });
  await engine.close();
});

test('a failed request is stamped with the time at which the host knew', async () => {
  const runner = new HeldRunner();
  const clock = new TestClock();
  await using engine = new Engine({ runner, tokenizer, clock, overlap: false });
  const { finished } = engine.addRequest(prompt);
  const turn = engine.step();
  clock.time = 12;
  runner.fail('device is lost');
  await turn;
  expect((await finished).timings).toMatchObject({ ttft: null, tpot: null, e2e: 12 });
});

test('an id that can not be turned into text ends only its request', async () => {
  const [id] = completion(prompt).slice(3);
  const { tokenBytes } = tokenizer;
  vi.spyOn(tokenizer, 'tokenBytes').mockImplementation((asked) => {
    if (asked === id) throw new Error(`no bytes for ${asked}`);
    return tokenBytes.call(tokenizer, asked);
  });
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const other = { promptIds: [9], sampling: { maxTokens: 8, seed: 9 } };
  const responses = await engine.generateBatch([prompt, other]);
  expect(responses).toMatchObject([
    { finishReason: 'error', error: `no bytes for ${id}`, ids: completion(prompt).slice(0, 4) },
    { finishReason: 'length', error: null, ids: completion(other) },
  ]);
});

describe('a fault outside of any step', () => {
  /** Scheduling reads the runner's limits at each step; where that throws, the loop itself is broken. */
  function breakable(): { runner: FakeRunner; setBroken: (broken: boolean) => void } {
    const runner = talesRunner();
    const { maxBatchTokens } = runner.limits;
    let isBroken = false;
    Object.defineProperty(runner.limits, 'maxBatchTokens', {
      get() {
        if (isBroken) throw new Error('limits are lost');
        return maxBatchTokens;
      },
    });
    return {
      runner,
      setBroken: (broken) => {
        isBroken = broken;
      },
    };
  }

  test('ends all requests with its message, and rejects the call that runs the loop', async () => {
    const { runner, setBroken } = breakable();
    await using engine = new Engine({ runner, tokenizer });
    setBroken(true);
    const added = engine.addRequest(prompt);
    await expect(engine.run()).rejects.toThrow('limits are lost');
    expect(await added.finished).toMatchObject({ finishReason: 'error', error: 'limits are lost', ids: [] });

    const generated = engine.generate(prompt);
    const stream = engine.stream({ ...prompt, requestId: 's' });
    await expect(stream.next()).rejects.toThrow(new RequestFailedError('s', 'limits are lost'));
    expect(await generated).toMatchObject({ finishReason: 'error', error: 'limits are lost' });
    expect(engine.hasUnfinished).toBe(false);

    setBroken(false);
    expect((await engine.generate(prompt)).ids).toEqual(completion(prompt));
  });

  test('leaves the step in flight for a later turn', async () => {
    const { runner, setBroken } = breakable();
    await using engine = new Engine({ runner, tokenizer });
    const { finished } = engine.addRequest(prompt);
    await engine.step();
    setBroken(true);
    await expect(engine.step()).rejects.toThrow('limits are lost');
    expect(await finished).toMatchObject({ finishReason: 'error', ids: [] });
    setBroken(false);
    expect((await engine.generate(prompt)).ids).toEqual(completion(prompt));
    expect(engine.hasUnfinished).toBe(false);
  });
});
