// The life of a rule's state in the engine: complete, at fault, released once, its masks copied.
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Constraint } from '../../src/core/constraint.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { automaton, constrained, free, only, promptIds, right, rule } from '../support/engine/constrained-requests.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { counted, maskOf } from '../support/engine/random-automaton.ts';
import { EOS, FaultyRunner, talesRunner, VOCAB } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

afterEach(() => {
  vi.restoreAllMocks();
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
