// Constraints in the engine: a constrained request has the ids of its rule whatever runs beside it, and the others keep theirs.
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { BatchScheduler } from '../../src/scheduler/batch-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { automaton, constrained, free, never, promptIds, right, rule } from '../support/engine/constrained-requests.ts';
import type { FakeRunner } from '../support/engine/fake-runner.ts';
import { counted, delayed, maskOf } from '../support/engine/random-automaton.ts';
import {
  constrainedCompletion,
  EOS,
  HeldRunner,
  TestClock,
  talesRunner,
  VOCAB,
} from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([0, 1, 2] as const)('with %i steps left unread, constrained requests', (numLeft) => {
  const engineOn = (runner: FakeRunner, options: Partial<EngineOptions> = {}) => {
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(numLeft);
    return new Engine({ runner, tokenizer, ...options });
  };
  const requests = Array.from({ length: 12 }, (_, seed) => (seed % 3 === 0 ? free(seed) : constrained(seed)));

  function expectRight(responses: readonly FinishedRequest[]): void {
    for (const [i, { ids, finishReason, error }] of responses.entries()) {
      expect({ ids, error }, `request ${i}`).toEqual({ ids: right(requests[i]!), error: null });
      expect(finishReason).toBe(ids.at(-1) === EOS ? 'stop' : 'length');
    }
  }

  test.each([
    ['whole prompts', {}],
    ['chunks', { maxBatchTokens: 5 }],
    ['a token a step', { maxBatchTokens: 1, maxBatchSize: 1 }],
    ['few blocks', { numBlocks: 7 }],
  ])('have the ids of their rules beside free ones, which have theirs: %s', async (_, limits) => {
    const runner = talesRunner(limits);
    for (const prefixCache of [true, false]) {
      await using engine = engineOn(runner, { prefixCache });
      const responses = await engine.generateBatch(requests);
      expectRight(responses);
      if ('numBlocks' in limits) expect(responses.some(({ preemptions }) => preemptions > 0)).toBe(true);
    }
  });

  test('have them when their masks come late, in any order', async () => {
    await using engine = engineOn(talesRunner());
    const late = requests.map((request) =>
      request.constraint
        ? {
            ...request,
            constraint: delayed(request.constraint, (i) => setTimeout(((request.sampling.seed + i) * 7) % 4)),
          }
        : request,
    );
    expectRight(await engine.generateBatch(late));
  });

  test('resume after the ids that they had, which the rule takes first', async () => {
    await using engine = engineOn(talesRunner());
    for (const seed of [1, 2, 4, 5]) {
      const request = constrained(seed);
      const whole = right(request);
      const ids = whole.slice(0, Math.floor(whole.length / 2));
      const { constraint, calls } = counted(request.constraint);
      const response = await engine.generate({ ...request, constraint, resume: { ids } });
      expect(response.ids).toEqual(whole);
      expect(calls.accepted).toEqual(whole.slice(0, -1));
    }
  });

  test('count their penalties on', async () => {
    await using engine = engineOn(talesRunner());
    const penal = [1, 2, 4].map((seed) => {
      const request = constrained(seed);
      return { ...request, sampling: { ...request.sampling, presencePenalty: 1 } };
    });
    const responses = await engine.generateBatch([...penal, free(3)]);
    expect(responses.map(({ ids }) => ids)).toEqual([
      ...penal.map((each) => constrainedCompletion(each, each.constraint)),
      right(free(3)),
    ]);
  });
});

test('choices of a constrained prompt start the rule anew, each', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const { constraint, calls } = counted(automaton(4));
  const responses = await engine.generateChoices({ ...constrained(4), constraint }, 3);
  expect(calls.started).toEqual([0, 0, 0]);
  expect(calls.ended).toHaveLength(3);
  for (const [j, { ids }] of responses.entries()) {
    const sampling = { seed: deriveSeed(4, j), maxTokens: 12 };
    expect(ids).toEqual(constrainedCompletion({ ...constrained(4), sampling }, automaton(4)));
  }
});

test('a constrained stream and chat have the ids of the rule', async () => {
  const template = { encode: () => Promise.resolve(promptIds) };
  await using engine = new Engine({ runner: talesRunner(), tokenizer, chat: { template } });
  const request = { ...constrained(5), promptIds };
  const ids: number[] = [];
  for await (const piece of engine.stream(request)) ids.push(piece.id);
  expect(ids).toEqual(right(request));
  const { sampling, constraint } = request;
  expect((await engine.chat([{ role: 'user', content: 'x' }], { sampling, constraint })).ids).toEqual(ids);
});

test('a request that only scores its prompt leaves its rule out', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const { constraint, calls } = counted(automaton(1));
  const response = await engine.generate({ promptIds, promptLogprobs: 0, sampling: { maxTokens: 0 }, constraint });
  expect(response).toMatchObject({ ids: [], finishReason: 'length' });
  expect(calls.started).toEqual([]);
});

describe('overlap', () => {
  test('goes on for free rows, and waits for constrained ones alone', async () => {
    const runner = talesRunner();
    const rows: string[][] = [];
    const onStep = (step: { rows: readonly { requestId: string }[] }) =>
      rows.push(step.rows.map(({ requestId }) => requestId).sort());
    await using engine = new Engine({ runner, tokenizer, observers: [{ onStep }] });
    const seed = 1;
    const any = rule({ allowed: () => maskOf(VOCAB, [5, 6, 7]) });
    const both: GenerationRequest[] = [
      { promptIds, requestId: 'free', sampling: { seed, maxTokens: 8 } },
      { promptIds, requestId: 'ruled', sampling: { seed, maxTokens: 4 }, constraint: any },
    ];
    await engine.generateBatch(both);
    // The id of the step before is not read yet when the next is submitted.
    expect(rows).toEqual([...Array(4)].flatMap(() => [['free', 'ruled'], ['free']]));
    expect(runner.plans).toHaveLength(8);
  });

  test('of free rows beside a mask that never comes is as deep as without it', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer });
    const { finished } = engine.addRequest(free(1, 3));
    const { requestId } = engine.addRequest({ ...constrained(2), constraint: delayed(automaton(2), () => never) });
    await engine.step();
    const second = engine.step();
    await setImmediate();
    expect(runner.numHeld).toBe(2);
    runner.settle();
    await second;
    const running = engine.run();
    const release = setInterval(() => runner.settle(), 1);
    expect((await finished).ids).toEqual(right(free(1, 3)));
    engine.abort(requestId);
    await running;
    clearInterval(release);
  });
});

describe('a mask that is pending', () => {
  test('lets the prompt be computed but for its last token', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const { promise, resolve } = Promise.withResolvers<void>();
    const request = constrained(5);
    const response = engine.generate({ ...request, constraint: delayed(request.constraint, () => promise) });
    await expect.poll(() => runner.plans.map(({ numTokens }) => numTokens)).toEqual([request.promptIds.length - 1]);
    resolve();
    expect((await response).ids).toEqual(right(request));
    expect(runner.plans[1]?.numTokens).toBe(1);
  });

  test('of a prompt of one token starts it with its first step', async () => {
    const steps: (readonly string[])[] = [];
    const onStep = ({ admitted }: { admitted: readonly string[] }) => steps.push(admitted);
    await using engine = new Engine({ runner: talesRunner(), tokenizer, timeline: true, observers: [{ onStep }] });
    const { promise, resolve } = Promise.withResolvers<void>();
    const constraint = delayed(automaton(3), () => promise);
    const response = engine.generate({
      promptIds: [4],
      requestId: 'one',
      sampling: { seed: 3, maxTokens: 2 },
      constraint,
    });
    await setTimeout(5);
    expect(steps).toEqual([]);
    resolve();
    const { timeline, timings } = await response;
    expect(steps[0]).toEqual(['one']);
    expect(timings.started).toBe(timeline?.[0]?.end);
  });

  test('holds no other request up, and the loop sleeps where there is none', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const schedule = vi.spyOn(BatchScheduler.prototype, 'schedule');
    const held = engine.generate({
      ...constrained(1),
      requestId: 'held',
      constraint: delayed(automaton(1), () => never),
    });
    expect((await engine.generate(free(2))).ids).toEqual(right(free(2)));
    schedule.mockClear();
    await setTimeout(200);
    // A loop that spins takes thousands of turns in this time.
    expect(schedule.mock.calls.length).toBeLessThan(40);
    // A request that comes then is not kept waiting.
    expect((await engine.generate(constrained(4))).ids).toEqual(right(constrained(4)));
    engine.abort('held');
    expect(await held).toMatchObject({ finishReason: 'abort', ids: [] });
  });

  const pending = () => ({ ...constrained(1), constraint: delayed(automaton(1), () => never) });

  test('and never comes ends with a signal, a deadline and the close of the engine', async () => {
    const engine = new Engine({ runner: talesRunner(), tokenizer });
    const controller = new AbortController();
    const aborted = engine.generate({ ...pending(), signal: controller.signal });
    const late = engine.generate({ ...pending(), deadlineMs: 10 });
    const closed = engine.generate(pending());
    expect(await late).toMatchObject({ finishReason: 'abort', error: expect.stringMatching(/^deadline passed/) });
    controller.abort('enough');
    expect(await aborted).toMatchObject({ finishReason: 'abort', abortReason: 'enough' });
    await engine.close();
    expect(await closed).toMatchObject({ finishReason: 'abort' });
  });

  test('and never comes ends with a deadline on a clock of the caller, and when the runner fails', async () => {
    const clock = new TestClock();
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer, clock });
    const late = engine.generate({ ...pending(), deadlineMs: 10 });
    await setTimeout(5);
    clock.time = 11;
    expect(await late).toMatchObject({ finishReason: 'abort', error: 'deadline passed 1 ms ago' });
    const failed = engine.generate(pending());
    await setTimeout(5);
    Object.assign(runner, { failure: new Error('device lost') });
    expect(await failed).toMatchObject({ finishReason: 'error', error: 'device lost' });
  });

  test('by turns of the caller, comes as it does in the loop', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, overlap: false });
    const request = constrained(5);
    const { finished } = engine.addRequest({
      ...request,
      constraint: delayed(request.constraint, () => setTimeout(2)),
    });
    while (await engine.step());
    expect((await finished).ids).toEqual(right(request));
  });

  test('of a request that has ended is ignored, whether it comes or fails', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const pending = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    for (const [i, { promise }] of pending.entries()) {
      const requestId = `r${i}`;
      const response = engine.generate({
        ...constrained(i),
        requestId,
        constraint: delayed(automaton(i), () => promise),
      });
      await setTimeout(2);
      engine.abort(requestId);
      expect((await response).finishReason).toBe('abort');
    }
    pending[0]?.resolve();
    pending[1]?.reject(new Error('too late'));
    expect((await engine.generate(free(3))).ids).toEqual(right(free(3)));
  });
});
