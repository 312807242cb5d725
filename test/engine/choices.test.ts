// Several completions of one prompt: they share its full blocks, and each has the ids of a request with its seed.
import { beforeAll, describe, expect, test } from 'vitest';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { MAX_CHOICES } from '../../src/engine/choices.ts';
import { Engine } from '../../src/engine/engine.ts';
import { EngineClosedError } from '../../src/engine/errors.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import { RequestTooLargeError } from '../../src/scheduler/request-too-large-error.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { completion, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const promptIds = Array.from({ length: 21 }, (_, position) => 10 * position);
const request = { promptIds, requestId: 'r', sampling: { maxTokens: 5, seed: 3 } };
const choice = (j: number) => completion({ promptIds, sampling: { maxTokens: 5, seed: deriveSeed(3, j) } });

describe('choices', () => {
  test('have ids and seeds of their own, and the ids that each gets alone', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const responses = await engine.generateChoices(request, 3);
    expect(responses.map(({ requestId }) => requestId)).toEqual(['r-0', 'r-1', 'r-2']);
    expect(responses.map(({ seed }) => seed)).toEqual([0, 1, 2].map((j) => deriveSeed(3, j)));
    expect(responses.map(({ ids }) => ids)).toEqual([0, 1, 2].map(choice));
    expect(new Set(responses.map(({ ids }) => `${ids}`)).size).toBe(3);
  });

  test.each([true, false])('compute their prompt once (prefixCache %s)', async (prefixCache) => {
    // Blocks of 4 tokens: five full ones are shared, and each choice computes the last token itself.
    const runner = talesRunner({ maxBatchSize: 8, blockSize: 4 });
    const steps: StepRecord[] = [];
    await using engine = new Engine({
      runner,
      tokenizer,
      prefixCache,
      observers: [{ onStep: (step) => steps.push(step) }],
    });
    const [first, ...others] = await engine.generateChoices(request, 4);
    expect(first).toMatchObject({ cachedTokens: 0, cacheMiss: 'new' });
    for (const other of others) expect(other).toMatchObject({ cachedTokens: 20, cacheMiss: 'short' });
    expect(steps[0]?.rows.map(({ numTokens }) => numTokens)).toEqual([21, 1, 1, 1]);
    const tables = Array.from({ length: 4 }, (_, s) => tableOf(runner.plans[0]!, s));
    for (const table of tables) expect(table.slice(0, 5)).toEqual(tables[0]?.slice(0, 5));
    expect(new Set(tables.map((table) => table[5])).size).toBe(4);
  });

  test('share nothing with others where the prefix cache is off', async () => {
    await using engine = new Engine({ runner: talesRunner({ maxBatchSize: 8 }), tokenizer, prefixCache: false });
    await engine.generateChoices(request, 2);
    const again = await engine.generateChoices(request, 2);
    expect(again.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 20]);
    expect(await engine.generate(request)).toMatchObject({ cachedTokens: 0, cacheMiss: 'off' });
  });

  test('of a prompt that is cut into chunks wait for it and then share all of it', async () => {
    const runner = talesRunner({ maxBatchTokens: 8, maxBatchSize: 4 });
    await using engine = new Engine({ runner, tokenizer, prefixCache: false });
    const responses = await engine.generateChoices(request, 3);
    expect(responses.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 20, 20]);
    expect(responses.map(({ ids }) => ids)).toEqual([0, 1, 2].map(choice));
  });

  test('of a text encode it once, and without a seed draw one', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const text = 'Once upon a time';
    const responses = await engine.generateChoices({ prompt: text, sampling: { maxTokens: 5 } }, 3);
    for (const { seed, ids, requestId } of responses) {
      expect(ids).toEqual(completion({ promptIds: tokenizer.encode(text), sampling: { maxTokens: 5, seed } }));
      expect(requestId.slice(0, -1)).toBe(responses[0]?.requestId.slice(0, -1));
    }
    expect(new Set(responses.map(({ seed }) => seed)).size).toBe(3);
  });

  test('arrive together: a deadline that passes while they are added refuses none of them', async () => {
    let time = 0;
    const clock = { now: () => time++ };
    await using engine = new Engine({ runner: talesRunner(), tokenizer, clock });
    const handles = engine.addChoices({ ...request, deadlineMs: 1 }, 20);
    await engine.run();
    const ends = await Promise.all(handles.map(({ finished }) => finished.then(({ timings }) => timings.arrival)));
    expect(new Set(ends).size).toBe(1);
  });

  test('end one by one: the abort of one leaves the others', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const handles = engine.addChoices(request, 3);
    await engine.step();
    engine.abort('r-0');
    await engine.run();
    const responses = await Promise.all(handles.map(({ finished }) => finished));
    expect(responses.map(({ finishReason }) => finishReason)).toEqual(['abort', 'length', 'length']);
    expect(responses.slice(1).map(({ ids }) => ids)).toEqual([choice(1), choice(2)]);
  });
});

describe('choices are refused, all of them and by name,', () => {
  const refused: readonly [string, number, object, string][] = [
    ['for n 0', 0, {}, 'n is 0, expected an integer in [1, 128]'],
    ['for n −1', -1, {}, 'n is -1, expected'],
    ['for n 1.5', 1.5, {}, 'n is 1.5, expected'],
    ['for a NaN n', Number.NaN, {}, 'n is NaN, expected'],
    ['for n above the most', MAX_CHOICES + 1, {}, 'n is 129, expected'],
    ['for a seed that is none', 2, { sampling: { seed: 1.5 } }, 'seed is 1.5, expected an integer in [0, 2^53)'],
    ['for a NaN seed', 2, { sampling: { seed: Number.NaN } }, 'seed is NaN, expected an integer'],
    ['for an id that is no text', 2, { requestId: 5 }, 'requestId is 5, expected text'],
    ['for an id that one of them would share', 2, { requestId: 'other' }, 'requestId is "other-1", expected one that'],
    ['for a prompt id that is none', 2, { promptIds: [9000] }, 'prompt id 0 is 9000, expected an integer in [0, 8192)'],
    ['for a parameter out of range', 2, { sampling: { topK: -1 } }, 'topK is -1, expected'],
  ];

  test.each(refused)('%s', async (_, n, wrong, message) => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const other = engine.addRequest({ ...request, requestId: 'other-1' });
    const bad = { ...request, requestId: 'bad', ...wrong };
    expect(() => engine.addChoices(bad, n)).toThrow(RangeValueError);
    expect(() => engine.addChoices(bad, n)).toThrow(message);
    await expect(engine.generateChoices(bad, n)).rejects.toThrow(message);
    await engine.run();
    expect((await other.finished).ids).toEqual(completion(request));
    // No other request ran.
    expect(runner.plans.every(({ numSequences }) => numSequences === 1)).toBe(true);
  });

  test('where one of them could not run even alone', async () => {
    await using engine = new Engine({ runner: talesRunner({ numBlocks: 6 }), tokenizer });
    expect(() => engine.addChoices(request, 2)).toThrow(RequestTooLargeError);
    expect(engine.hasUnfinished).toBe(false);
  });

  test('by a closed engine', async () => {
    const engine = new Engine({ runner: talesRunner(), tokenizer });
    await engine.close();
    const add = (one: GenerationRequest) => () => engine.addChoices(one, 2);
    expect(add(request)).toThrow(EngineClosedError);
    expect(add({ ...request, promptIds: [-1] })).toThrow(EngineClosedError);
  });
});

/** Blocks of sequence `s` of a plan, without padding. */
function tableOf({ blockTables, maxBlocks }: { blockTables: Int32Array; maxBlocks: number }, s: number): number[] {
  return Array.from(blockTables.slice(s * maxBlocks, (s + 1) * maxBlocks)).filter((block) => block >= 0);
}
