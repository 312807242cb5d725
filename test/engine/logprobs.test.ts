// Log-probabilities in a response: one row per id, as the runner reports them, for the requests that asked.
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { fakeLogprobs } from '../support/engine/fake-runner.ts';
import { completion, EOS, FaultyRunner, promptThatStops, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** Log-probabilities that the runner reports of the ids of a request. */
function expected(prompt: Parameters<typeof completion>[0], logprobs: number) {
  const row = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0, tokenSlot: 0, adjustment: null, logprobs };
  return completion(prompt).map((id, i) => fakeLogprobs({ ...row, position: prompt.promptIds.length + i }, id));
}

describe.each([true, false])('with overlap %s, log-probabilities', (overlap) => {
  test('come one per id, for the requests of a batch that asked, and null for the others', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, overlap });
    const prompts = [0, 1, 2, 3].map((seed) => ({ promptIds: [seed, 5], sampling: { maxTokens: 3 + seed, seed } }));
    const counts = [2, null, 0, 20];
    const responses = await engine.generateBatch(
      prompts.map((prompt, i) => ({ ...prompt, sampling: { ...prompt.sampling, logprobs: counts[i] } })),
    );
    for (const [i, prompt] of prompts.entries()) {
      const count = counts[i] ?? null;
      expect(responses[i]?.ids).toEqual(completion(prompt));
      expect(responses[i]?.logprobs).toEqual(count === null ? null : expected(prompt, count));
    }
  });

  test('include those of the eos, and not those of the row after it', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, overlap });
    const prompt = promptThatStops();
    const response = await engine.generate({ ...prompt, sampling: { ...prompt.sampling, logprobs: 1 } });
    expect(response.ids.at(-1)).toBe(EOS);
    expect(response.logprobs).toEqual(expected(prompt, 1));
  });
});

test('a step whose result lacks the log-probabilities of a row ends the requests in it', async () => {
  const runner = new FaultyRunner(1, ({ ids, finite }) => Promise.resolve({ ids, finite }));
  await using engine = new Engine({ runner, tokenizer, overlap: false });
  const [asked, other] = await engine.generateBatch([
    { promptIds: [1], sampling: { maxTokens: 4, logprobs: 0 } },
    { promptIds: [2], sampling: { maxTokens: 1 } },
  ]);
  expect(asked).toMatchObject({
    finishReason: 'error',
    error: 'runner gave no logprobs of row 0, expected them as its request asks',
  });
  expect(asked?.logprobs).toHaveLength(1);
  expect(other?.finishReason).toBe('length');
});
