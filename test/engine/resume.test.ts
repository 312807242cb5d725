// Requests that go on where another was cut: ids, text and end are those of a request that was never cut, wherever the cut is.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SamplingOptions } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { TextPiece } from '../../src/engine/request.ts';
import type { TextStream } from '../../src/engine/text-stream.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { byteTokens } from '../support/byte-tokens.ts';
import { completion, EOS, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
/** [256] the token of each byte. */
let byteIds: number[];
/** Tokens of a few letters, of the bytes of é and 🦊, and the eos. */
let alphabet: number[];
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  byteIds = byteTokens(tokenizer);
  const bytes = [...new TextEncoder().encode('ababa é🦊')];
  alphabet = [...bytes.map((byte) => byteIds[byte]!), EOS];
});

const NUM_TOKENS = 24;
const setting = fc.record({
  promptIds: fc.array(fc.nat(8000), { minLength: 1, maxLength: 9 }),
  seed: fc.nat(1_000_000),
  maxTokens: fc.integer({ min: 1, max: NUM_TOKENS }),
  minTokens: fc.oneof(fc.constant(0), fc.nat(NUM_TOKENS)),
  stop: fc.oneof(fc.constant<string[]>([]), fc.subarray(['abb', 'aba', 'é', 'baa', 'aaa', ' ba'], { minLength: 1 })),
  stopTokens: fc.oneof(fc.constant<number[]>([]), fc.subarray([0, 5, 8])),
  ignoreEos: fc.boolean(),
  repetitionPenalty: fc.constantFrom(1, 1.3),
  presencePenalty: fc.constantFrom(0, 0.5),
  frequencyPenalty: fc.constantFrom(0, -0.5),
  logprobs: fc.constantFrom(null, 0, 2),
  promptLogprobs: fc.constantFrom(null, 1),
  isWholeText: fc.boolean(),
  /** Places of the cuts in percent of the ids that are left. */
  cuts: fc.array(fc.nat(99), { minLength: 1, maxLength: 3 }),
  overlap: fc.boolean(),
  prefixCache: fc.boolean(),
  maxBatchTokens: fc.constantFrom(4, 7, 64),
});

/** Reads some pieces of a stream, or all. */
async function read(stream: TextStream, count = Number.POSITIVE_INFINITY): Promise<TextPiece[]> {
  const pieces: TextPiece[] = [];
  while (pieces.length < count) {
    const { done, value } = await stream.next();
    if (done) break;
    pieces.push(value);
  }
  return pieces;
}

const textOf = (pieces: readonly TextPiece[]) => pieces.map(({ text }) => text).join('');

test('whatever its parameters, a request that was cut anywhere and goes on elsewhere ends as one that was never cut', async () => {
  const met = { stopString: 0, stopToken: 0, eos: 0, length: 0, insideCharacter: 0, insideStop: 0, twice: 0 };
  const property = fc.asyncProperty(setting, async ({ cuts, overlap, prefixCache, maxBatchTokens, ...drawn }) => {
    const { promptIds, promptLogprobs, isWholeText, stopTokens, minTokens, maxTokens, ...rest } = drawn;
    const sampling: SamplingOptions = {
      ...rest,
      maxTokens,
      minTokens: Math.min(minTokens, maxTokens),
      stopTokenIds: stopTokens.map((index) => alphabet[index]!),
    };
    const request = { promptIds, promptLogprobs, isWholeText, sampling };
    const open = () => {
      const runner = talesRunner({ maxBatchTokens });
      runner.alphabet = alphabet;
      return new Engine({ runner, tokenizer, overlap, prefixCache });
    };
    await using engine = open();
    const whole = await engine.generate(request);

    let text = '';
    let ids: number[] = [];
    for (const cut of cuts) {
      // The last id may end it, so a cut comes before it.
      const count = Math.floor((cut * (whole.ids.length - ids.length)) / 100);
      await using other = open();
      const stream = other.stream({ ...request, resume: { ids } });
      const pieces = await read(stream, count);
      const { value } = await stream.return();
      expect(pieces.map(({ id }) => id)).toEqual(whole.ids.slice(ids.length, ids.length + count));
      text += textOf(pieces);
      ids = [...ids, ...pieces.map(({ id }) => id)];
      expect(value.text.startsWith(text)).toBe(true);
    }
    if (cuts.length > 1) met.twice++;
    const shown = tokenizer.decode(ids, { skipSpecialTokens: true });
    if (shown !== text && shown.endsWith('\ufffd')) met.insideCharacter++;
    if (shown !== text && !shown.endsWith('\ufffd')) met.insideStop++;

    await using last = open();
    // Another request shares its steps.
    const beside = last.generate({ promptIds: [1, 2], sampling: { seed: 3, maxTokens: 9 } });
    const stream = last.stream({ ...request, resume: { ids } });
    expect(stream.resumedText).toBe(text);
    const pieces = await read(stream);
    const resumed = await stream.finished;
    await beside;
    expect(textOf([{ id: 0, text, logprobs: null }, ...pieces])).toBe(whole.text);
    expect(pieces.map(({ id }) => id)).toEqual(whole.ids.slice(ids.length));
    const { timings: _, cachedTokens: __, cacheMiss: ___, requestId: ____, ...same } = whole;
    const logprobs = whole.logprobs?.slice(ids.length) ?? null;
    expect(resumed).toMatchObject({ ...same, logprobs, resumedTokens: ids.length, preemptions: 0 });
    expect(resumed.timings.tokenTimes).toHaveLength(pieces.length);
    expect(resumed.cachedTokens).toBeLessThanOrEqual(promptIds.length);
    if (whole.finishReason === 'length') met.length++;
    else if (whole.stopReason === null) met.eos++;
    else met[typeof whole.stopReason === 'string' ? 'stopString' : 'stopToken']++;
  });
  await fc.assert(property, { seed: 5, numRuns: 400 });
  // The property means little unless it met all of these.
  for (const [key, count] of Object.entries(met)) expect(count, `${key} of ${JSON.stringify(met)}`).toBeGreaterThan(15);
});

describe('a request resumes', () => {
  const request = { promptIds: [1, 2, 3], sampling: { maxTokens: 8, seed: 4 } };
  const ids = completion(request);

  test('with no ids, as one that starts', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    expect(await engine.generate({ ...request, resume: { ids: [] } })).toMatchObject({ ids, resumedTokens: 0 });
  });

  test('in a chat and among others, computing its ids as a prompt, which fills the prefix cache', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    await engine.generate({ ...request, resume: { ids: ids.slice(0, 6) } });
    expect(runner.plans[0]).toMatchObject({ numTokens: 9 });
    const again = await engine.generate({ ...request, resume: { ids: ids.slice(0, 7) } });
    // Two blocks of four tokens, of which only three are the prompt's.
    expect(again).toMatchObject({ ids, cachedTokens: 3, promptTokens: 3 });
    expect(runner.plans.at(-1)).toMatchObject({ numTokens: 2 });
  });

  test.each([
    ['ids of resume is 7, expected a list of token ids', { resume: { ids: 7 } }],
    ['key of resume is "id", expected one of ids', { resume: { id: [1] } }],
    ['resume is [1], expected an object', { resume: [1] }],
    [
      'seed of a request that resumes is undefined, expected that of the cut one',
      { resume: { ids: [1] }, sampling: {} },
    ],
    ['id 1 of resume is 8192, expected an integer in [0, 8192)', { resume: { ids: [1, 8192] } }],
    ['id 0 of resume is 8191, expected none that ends the request: it has ended', { resume: { ids: [EOS] } }],
    [
      'id 1 of resume is 6, expected none that ends the request: it has ended',
      { resume: { ids: [5, 6] }, stopTokenIds: [6] },
    ],
    [
      'number of ids of resume is 8, expected fewer than maxTokens, 8: it has ended',
      { resume: { ids: Array(8).fill(1) } },
    ],
  ])(
    'never with what it can not have generated: %s',
    async (message, { stopTokenIds, ...fields }: Record<string, unknown>) => {
      await using engine = new Engine({ runner: talesRunner(), tokenizer });
      const sampling = { ...request.sampling, stopTokenIds };
      expect(() => Reflect.apply(engine.addRequest, engine, [{ ...request, sampling, ...fields }])).toThrow(message);
      expect(engine.hasUnfinished).toBe(false);
    },
  );

  test('never after a stop string, nor as several choices', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const letters = tokenizer.encode('on a day');
    const sampling = { ...request.sampling, stop: ['a d'], maxTokens: 20 };
    expect(() => engine.addRequest({ ...request, sampling, resume: { ids: letters } })).toThrow(
      /^id \d of resume is "one that completes .*a d.*", expected none that ends the request: it has ended$/,
    );
    // Where minTokens keeps it from ending the text, it does not.
    const kept = { ...sampling, minTokens: letters.length };
    engine.addRequest({ ...request, sampling: kept, resume: { ids: letters } });
    expect(() => engine.addChoices({ ...request, resume: { ids: [1] } }, 2)).toThrow(
      'resume is "that of 2 choices", expected none: a choice goes on as a request of its own, with its seed',
    );
    await engine.run();
  });

  test('past an eos that it ignores', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const sampling = { ...request.sampling, ignoreEos: true };
    expect((await engine.generate({ ...request, sampling, resume: { ids: [5, EOS] } })).ids.slice(0, 2)).toEqual([
      5,
      EOS,
    ]);
  });
});
