// The union of the eos ids of model and tokenizer: each ends a text, and none is masked or named that has no row.
import { beforeAll, describe, expect, test } from 'vitest';
import { MAX_EOS_IDS } from '../../src/core/sequence.ts';
import { Engine } from '../../src/engine/engine.ts';
import { uniteEosIds } from '../../src/engine/eos-ids.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { fakeCompletion } from '../support/engine/fake-runner.ts';
import { EOS, talesRunner, VOCAB } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const prompt = { promptIds: [1, 2, 3], sampling: { seed: 0, maxTokens: 12 } };
/** Ids that are generated when no eos ends them. */
const whole = fakeCompletion({ ...prompt, ...prompt.sampling, vocabSize: VOCAB });

function runnerWith(eosIds: readonly number[]) {
  return Object.assign(talesRunner(), { eosIds });
}

describe('every eos of the model and of its tokenizer', () => {
  test.each([0, 3, 7])('ends a text, whichever comes first: token %d', async (index) => {
    const id = whole[index]!;
    await using engine = new Engine({ runner: runnerWith([4000, id, 17]), tokenizer });
    const { ids, text, finishReason, stopReason } = await engine.generate(prompt);
    expect({ ids, finishReason, stopReason }).toEqual({
      ids: whole.slice(0, whole.indexOf(id) + 1),
      finishReason: 'stop',
      stopReason: null,
    });
    expect(text).toBe(tokenizer.decode(ids.slice(0, -1), { skipSpecialTokens: true }));
  });

  test('is passed over where a request ignores them', async () => {
    await using engine = new Engine({ runner: runnerWith(whole.slice(2, 5)), tokenizer });
    const sampling = { ...prompt.sampling, ignoreEos: true };
    expect(await engine.generate({ ...prompt, sampling })).toMatchObject({ ids: whole, finishReason: 'length' });
  });

  test('is masked until minTokens ids are there', async () => {
    const runner = runnerWith([7, 9]);
    await using engine = new Engine({ runner, tokenizer });
    await engine.generate({ ...prompt, sampling: { ...prompt.sampling, minTokens: 2, maxTokens: 4 } });
    const masked = runner.plans.map(({ samplingRows: [row] }) =>
      row?.adjustment?.tokens.filter(({ isMasked }) => isMasked).map(({ id }) => id),
    );
    expect(masked.slice(0, 2)).toEqual([
      [7, 9, EOS],
      [7, 9, EOS],
    ]);
    expect(masked[2]).toBeUndefined();
  });
});

test('the first eos, the model’s before the tokenizer’s, stands for an empty prompt', async () => {
  const runner = runnerWith([7, 9]);
  await using engine = new Engine({ runner, tokenizer });
  await engine.generate({ prompt: '', sampling: { maxTokens: 1 } });
  expect([...(runner.plans[0]?.tokenIds ?? [])]).toEqual([7]);
});

test('ids unite without doubles, and those of a tokenizer that the model has no row for are left out', () => {
  const limits = { ...talesRunner().limits, vocabSize: 10 };
  expect(uniteEosIds({ eosIds: [3, 5], limits }, { eosIds: [5, 4, 10] })).toEqual([3, 5, 4]);
  expect(uniteEosIds({ limits }, { eosIds: [] })).toEqual([]);
});

test.each<[unknown, string]>([
  [[VOCAB], `eosIds of the runner is [${VOCAB}], expected a list of integers in [0, ${VOCAB})`],
  [[1.5], 'eosIds of the runner is [1.5], expected'],
  [7, 'eosIds of the runner is 7, expected'],
  [Array.from({ length: MAX_EOS_IDS }, (_, id) => id), `number of eos tokens is ${MAX_EOS_IDS + 1}, expected at most`],
])('a runner whose eos ids make no sense is refused: %j', (eosIds, message) => {
  const runner = Object.assign(talesRunner(), { eosIds });
  expect(() => new Engine({ runner, tokenizer })).toThrow(RangeValueError);
  expect(() => new Engine({ runner, tokenizer })).toThrow(message);
});

test('a tokenizer whose eos ids are none is refused', () => {
  const odd = Object.assign(Object.create(tokenizer), { eosIds: undefined });
  expect(() => uniteEosIds(talesRunner(), odd)).toThrow('eosIds of the tokenizer is undefined, expected a list');
});

describe('an engine without a tokenizer', () => {
  test('takes and gives ids, with an empty text', async () => {
    await using engine = new Engine({ runner: runnerWith([whole[4]!]) });
    const { ids, text, finishReason } = await engine.generate(prompt);
    expect({ ids, text, finishReason }).toEqual({ ids: whole.slice(0, 5), text: '', finishReason: 'stop' });
    const stream = engine.stream(prompt);
    for await (const piece of stream) expect(piece.text).toBe('');
  });

  test('refuses a prompt and stop strings as text by name, and goes on', async () => {
    await using engine = new Engine({ runner: runnerWith([5]) });
    const reason = 'expected ids in place of text, as there is no tokenizer (tokenizer.json)';
    await expect(engine.generate({ prompt: 'Once' })).rejects.toThrow(`prompt is "Once", ${reason}`);
    const stopping = engine.generate({ ...prompt, sampling: { stop: ['x'] } });
    await expect(stopping).rejects.toThrow(`stop is ["x"], ${reason}`);
    expect((await engine.generate({ prompt: '', sampling: { maxTokens: 2 } })).promptTokens).toBe(1);
  });
});
