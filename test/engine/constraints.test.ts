// Constraints in the engine: a constrained request has the ids of its rule whatever runs beside it, the others keep theirs, and each of
// its faults is its own.
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Constraint } from '../../src/core/constraint.ts';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { BatchScheduler } from '../../src/scheduler/batch-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { counted, delayed, maskOf, RandomAutomaton } from '../support/engine/random-automaton.ts';
import {
  constrainedCompletion,
  EOS,
  FaultyRunner,
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

const never = new Promise<never>(() => {});
const promptIds = Array.from({ length: 11 }, (_, i) => 3 * i + 1);
const automaton = (seed: number) => new RandomAutomaton(seed, { vocabSize: VOCAB, eosId: EOS });

/** A request of some seed, constrained by the automaton of that seed. */
function constrained(seed: number, maxTokens = 12) {
  return { promptIds: promptIds.slice(seed % 5), sampling: { seed, maxTokens }, constraint: automaton(seed) };
}

function free(seed: number, maxTokens = 12) {
  return { promptIds: promptIds.slice(seed % 5), sampling: { seed, maxTokens }, constraint: undefined };
}

/** Ids of a request alone, by the rule. */
const right = (request: ReturnType<typeof constrained> | ReturnType<typeof free>) =>
  constrainedCompletion(request, request.constraint ?? null);

/** A rule of its own: whatever is not given allows all ids. */
function rule(methods: Partial<Constraint>): Constraint {
  const all = maskOf(VOCAB, [...Array(VOCAB).keys()]);
  return { start: () => null, allowed: () => all, accept: () => null, ...methods };
}

const only = (...ids: readonly number[]) => rule({ allowed: () => maskOf(VOCAB, ids) });

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
    for (let n = 0; n < 20 && runner.numHeld > 0; n++) {
      runner.settle();
      await setTimeout(1);
    }
    expect((await finished).ids).toEqual(right(free(1, 3)));
    engine.abort(requestId);
    await running;
  });
});

describe('a mask that is pending', () => {
  test('lets the prompt be computed but for its last token', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const { promise, resolve } = Promise.withResolvers<void>();
    const request = constrained(5);
    const response = engine.generate({ ...request, constraint: delayed(request.constraint, () => promise) });
    await setTimeout(5);
    expect(runner.plans.map(({ numTokens }) => numTokens)).toEqual([request.promptIds.length - 1]);
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

describe('a completed rule', () => {
  test('ends its request before minTokens, and though the eos is ignored', async () => {
    const runner = talesRunner();
    runner.eosIds = [EOS, 77];
    await using engine = new Engine({ runner, tokenizer });
    const twoIds = () => {
      let left = 2;
      return rule({ allowed: () => maskOf(VOCAB, left-- > 0 ? [5, 6] : [EOS, 77]) });
    };
    for (const sampling of [{ minTokens: 9 }, { ignoreEos: true }, { minTokens: 9, ignoreEos: true }, {}]) {
      const request = { promptIds, sampling: { seed: 3, maxTokens: 9, ...sampling }, constraint: twoIds() };
      const { ids, finishReason, stopReason } = await engine.generate(request);
      expect(ids).toHaveLength(3);
      expect([EOS, 77]).toContain(ids[2]);
      expect({ finishReason, stopReason }).toEqual({ finishReason: 'stop', stopReason: null });
    }
  });

  test('may be one of stop ids', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const sampling = { seed: 3, maxTokens: 9, minTokens: 5, stopTokenIds: [40] };
    const response = await engine.generate({ promptIds, sampling, constraint: only(40) });
    expect(response).toMatchObject({ ids: [40], finishReason: 'stop', stopReason: 40 });
  });

  test('that allows other ids besides is none: minTokens and ignoreEos hold', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const request = { promptIds, constraint: only(9, EOS) };
    const minimum = await engine.generate({ ...request, sampling: { seed: 1, maxTokens: 6, minTokens: 6 } });
    expect(minimum.ids).toEqual([9, 9, 9, 9, 9, 9]);
    const ignoring = await engine.generate({ ...request, sampling: { seed: 1, maxTokens: 20, ignoreEos: true } });
    expect(ignoring.ids).toHaveLength(20);
    expect(ignoring.ids).toContain(EOS);
  });
});

describe('the fault of a rule ends its request alone, with its cause:', () => {
  const detached = () => {
    const mask = new Uint32Array(VOCAB / 32);
    structuredClone(mask.buffer, { transfer: [mask.buffer] });
    return mask;
  };
  const size = 'a Uint32Array of 256 words, a bit for each of 8192 ids';
  const fail = () => {
    throw new Error('rule is lost');
  };
  const faults: readonly [string, Partial<Record<keyof Constraint, unknown>>, string][] = [
    ['start throws', { start: fail }, 'start() of the constraint failed: rule is lost'],
    ['allowed throws', { allowed: fail }, 'allowed() of the constraint failed: rule is lost'],
    ['accept throws', { accept: fail }, 'accept() of the constraint failed: rule is lost'],
    ['allowed rejects', { allowed: async () => fail() }, 'allowed() of the constraint failed: rule is lost'],
    [
      'allowed gives a list',
      { allowed: () => [1, 2] },
      `allowed() of the constraint failed: mask is [1, 2], expected ${size}`,
    ],
    [
      'allowed gives nothing',
      { allowed: () => {} },
      `allowed() of the constraint failed: mask is undefined, expected ${size}`,
    ],
    [
      'a promise gives bytes',
      { allowed: async () => new Uint8Array(1024) },
      `allowed() of the constraint failed: mask is an object of class Uint8Array, expected ${size}`,
    ],
    [
      'a mask is too short',
      { allowed: () => new Uint32Array(255) },
      `allowed() of the constraint failed: mask is "255 words", expected ${size}`,
    ],
    [
      'a mask is detached',
      { allowed: detached },
      `allowed() of the constraint failed: mask is "a detached buffer", expected ${size}`,
    ],
    [
      'a mask is empty',
      { allowed: () => new Uint32Array(256) },
      'allowed() of the constraint failed: number of allowed ids is 0, expected at least one',
    ],
    [
      'something without a message is thrown',
      {
        accept: () => {
          throw null;
        },
      },
      'accept() of the constraint failed: null',
    ],
  ];

  test.each(faults)('%s', async (_, methods, error) => {
    for (const overlap of [true, false]) {
      await using engine = new Engine({ runner: talesRunner({ maxBatchSize: 2 }), tokenizer, overlap });
      const faulty = { ...free(1), constraint: Object.assign(rule({}), methods) };
      const responses = await engine.generateBatch([free(2), faulty, constrained(4), free(5)]);
      expect(responses[1]).toMatchObject({ finishReason: 'error', error });
      expect(responses[1]?.ids.length).toBe('accept' in methods ? 1 : 0);
      expect(responses.filter((_, i) => i !== 1).map(({ ids }) => ids)).toEqual(
        [free(2), constrained(4), free(5)].map(right),
      );
    }
  });

  test('bits beyond the vocabulary', async () => {
    const runner = new FakeRunner({ vocabSize: 70 });
    await using engine = new Engine({ runner });
    const request = { promptIds: [1], sampling: { maxTokens: 2 } };
    const mask = Uint32Array.of(1, 0, 0b11001 << 3);
    const response = await engine.generate({ ...request, constraint: rule({ allowed: () => mask }) });
    const expected = 'mask is "the bit of id 70", expected bits of ids in [0, 70) alone';
    expect(response).toMatchObject({ finishReason: 'error', error: `allowed() of the constraint failed: ${expected}` });
    const right = await engine.generate({
      ...request,
      constraint: rule({ allowed: () => Uint32Array.of(0, 0, 1 << 5) }),
    });
    expect(right.ids).toEqual([69, 69]);
  });

  test('a sampler that has none of its ids', async () => {
    class Sampler extends FakeRunner {
      override compute(plan: Parameters<FakeRunner['compute']>[0]) {
        const result = super.compute(plan);
        return { ...result, ids: result.ids.map((id, r) => (plan.samplingRows[r]?.mask ? 8000 : id)) };
      }
    }
    await using engine = new Engine({ runner: new Sampler({ vocabSize: VOCAB }), tokenizer });
    const [broken, other] = await engine.generateBatch([{ ...free(1), constraint: only(3) }, free(2)]);
    const error = 'none of the ids that the constraint allows can be sampled';
    expect(broken).toMatchObject({ finishReason: 'error', error, ids: [] });
    expect(other?.ids).toEqual(right(free(2)));
  });

  test('ids of resume that it does not take', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const forbidden = [...Array(VOCAB).keys()].find((id) => !automaton(1).idsOf(0).includes(id))!;
    const response = await engine.generate({ ...constrained(1), resume: { ids: [forbidden] } });
    expect(response).toMatchObject({
      finishReason: 'error',
      error: expect.stringContaining('accept() of the constraint'),
    });
  });
});

describe('the state of a rule', () => {
  test('is made when its request is about to start, and released once, however it ends', async () => {
    const runner = new FaultyRunner(null, () => Promise.reject(new Error('step failed')), { maxBatchSize: 1 });
    await using engine = new Engine({ runner, tokenizer, overlap: false });
    const list = [1, 2, 4, 5].map((seed) => ({ ...counted(automaton(seed)), request: constrained(seed, 3) }));
    const handles = list.map(({ request, constraint }) => engine.addRequest({ ...request, constraint }));
    await engine.step();
    expect(list.map(({ calls }) => calls.started.length)).toEqual([1, 0, 0, 0]);
    engine.abort(handles[3]!.requestId);
    await engine.run();
    expect(list.map(({ calls }) => calls.started.length)).toEqual([1, 1, 1, 0]);
    expect(list.map(({ calls }) => calls.ended.length)).toEqual([1, 1, 1, 0]);
  });

  test('is released after an abort, a failing step, a fault of its own and the close', async () => {
    let isFaulty = false;
    const runner = new FaultyRunner(
      () => isFaulty,
      () => Promise.reject(new Error('step failed')),
    );
    const engine = new Engine({ runner, tokenizer, overlap: false });
    const run = (seed: number, methods: Partial<Constraint<number>> = {}) => {
      const { constraint, calls } = counted(automaton(seed));
      return { calls, ...engine.addRequest({ ...constrained(seed, 20), constraint: { ...constraint, ...methods } }) };
    };
    const aborted = run(1);
    const broken = run(2, {
      accept: () => {
        throw new Error('no');
      },
    });
    await engine.step();
    engine.abort(aborted.requestId);
    await engine.step();
    const failing = run(4);
    isFaulty = true;
    await engine.step();
    isFaulty = false;
    const closed = run(5);
    await engine.step();
    await engine.close();
    const all = [aborted, broken, failing, closed];
    expect((await Promise.all(all.map(({ finished }) => finished))).map(({ finishReason }) => finishReason)).toEqual([
      'abort',
      'error',
      'error',
      'abort',
    ]);
    for (const { calls } of all) expect(calls.ended).toHaveLength(1);
  });

  test('is not made for requests of a batch of which one is refused', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const { constraint, calls } = counted(automaton(1));
    const refused = { ...free(1), constraint: Object.assign(rule({}), { end: 1 }) };
    await expect(engine.generateBatch([{ ...constrained(1), constraint }, refused])).rejects.toThrow('constraint is');
    expect(calls).toEqual({ started: [], accepted: [], ended: [] });
  });

  test('that can not be released is reported once, and harms nothing', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const end = () => {
      throw new Error('still held');
    };
    const responses = await engine.generateBatch([1, 2].map((seed) => ({ ...free(seed), constraint: rule({ end }) })));
    expect(responses.map(({ finishReason }) => finishReason)).toEqual(['length', 'length']);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      'end() of a constraint failed: still held (told once; requests are not affected)',
    ]);
  });

  test('may abort requests, its own among them, from every method', async () => {
    for (const method of ['start', 'allowed', 'accept'] as const) {
      await using engine = new Engine({ runner: talesRunner(), tokenizer });
      const whole = rule({});
      const abort = () => {
        for (const requestId of ['own', 'other']) if (engine.hasUnfinished) engine.abort(requestId);
      };
      const constraint: Constraint = {
        ...whole,
        [method]: (state: unknown, id: number) => {
          abort();
          return method === 'allowed' ? whole.allowed(state) : whole.accept(state, id);
        },
      };
      const [other, own, third] = await engine.generateBatch([
        { ...free(1), requestId: 'other' },
        { ...free(2), requestId: 'own', constraint },
        free(3),
      ]);
      expect([other?.finishReason, own?.finishReason]).toEqual(['abort', 'abort']);
      expect(third?.ids).toEqual(right(free(3)));
    }
  });
});

test('a mask is copied: the rule may give the same array again with other bits', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const shared = new Uint32Array(VOCAB / 32);
  const inPlace = (seed: number): Constraint<number> => {
    const own = automaton(seed);
    return {
      start: () => own.start(),
      allowed: (state) => {
        shared.set(own.allowed(state));
        return shared;
      },
      accept: (state, id) => own.accept(state, id),
    };
  };
  const seeds = [1, 2, 4, 5];
  const responses = await engine.generateBatch(
    seeds.map((seed) => ({ ...constrained(seed), constraint: inPlace(seed) })),
  );
  expect(responses.map(({ ids }) => ids)).toEqual(seeds.map((seed) => right(constrained(seed))));
});

test.each([
  [
    null,
    'constraint is null, expected an object that has start(), allowed(), accept() and, where it has an end, end()',
  ],
  [() => {}, 'constraint is function'],
  [{}, 'constraint is an object, expected an object that has start()'],
  [{ start() {}, allowed() {} }, 'constraint is an object'],
  [{ ...rule({}), end: true }, 'constraint is an object'],
])('addRequest refuses the constraint %#', async (constraint, message) => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const request = Object.assign<GenerationRequest, unknown>({ promptIds }, { constraint });
  expect(() => engine.addRequest(request)).toThrow(message);
});
