// The float64 GPT-2 against goldens of Hugging Face: the oracle is judged before anything is judged by it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ReferenceGPT2 } from '../../src/reference/gpt2.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import '../../src/testing/vitest.ts';
import { loadModelTensors, readSafetensors } from '../support/models/read-safetensors.ts';
import {
  expectPickedRows,
  expectReferenceGreedy,
  expectReferenceHidden,
  expectReferenceLogits,
  expectSameInChunks,
  expectUsableAfterRefusals,
} from '../support/models/reference-checks.ts';
import { loadReferenceModel } from '../support/models/reference-model.ts';

/**
 * Goldens stored as float32 are off by half a unit in the last place. Both sides also round in float64: values up to 20
 * through at most 6 layers with sums of at most 1024 terms stay below 6 · 1024 · 20 · 2^-53 < 2e-11.
 */
const ROUNDED = { rel: 2 ** -24, abs: 2e-11 };
/** Goldens in JSON are float64. */
const FLOAT64 = { abs: 2e-11 };

describe.each(['plain', 'odd', 'two', 'untied', 'legacy', 'sharded'])('fixture model %s', (name) => {
  const directory = `test/fixtures/models/${name}`;
  const model = loadReferenceModel(directory);
  const golden = readSafetensors(`${directory}/golden.safetensors`);

  test('has the golden logits at every position', () => expectReferenceLogits(model, golden, ROUNDED, name));

  test('has the golden hidden states', () => expectReferenceHidden(model, golden, ROUNDED, name));

  test('continues greedily as the golden does', () => {
    const { greedy } = JSON.parse(readFileSync(`${directory}/golden.json`, 'utf8'));
    expectReferenceGreedy(model, greedy, FLOAT64, name);
  });
});

describe('tales', () => {
  const model = loadReferenceModel('weights/tales');
  const golden = readSafetensors('test/fixtures/tales/golden.safetensors');
  const { greedy } = JSON.parse(readFileSync('test/fixtures/tales/golden.json', 'utf8'));
  const V = model.config.vocabSize;

  test('has the golden logits of every prompt', () => expectReferenceLogits(model, golden, ROUNDED, 'tales'));

  // Prompt 1 has the narrowest gap of all steps, prompt 3 is a single token.
  test.each([1, 3])('continues prompt %d greedily as the golden does', (i) => {
    const { prompt_ids: prompt, completion_ids: completion, gap, logprob } = greedy[i];
    expectReferenceGreedy(model, { prompt, completion, gap, logprob }, FLOAT64, `tales greedy ${i}`);
  });

  test('has the golden logprobs and logits of a text of 300 tokens', () => expectLong(300));
  test('has the golden logprobs and logits of a text of 700 tokens', { tags: ['slow'] }, () => expectLong(700));

  /** Compares the first tokens of the long text: what comes after them changes none. */
  function expectLong(length: number): void {
    const ids = golden.get('long.ids')!.subarray(0, length);
    const { logits } = model.forward(ids);
    const row = (t: number) => logits.subarray(t * V, (t + 1) * V);
    const logprobs = Float64Array.from(ids.subarray(1), (id, t) => logSoftmax(row(t))[id]!);
    const want = golden.get('long.logprobs')!.subarray(0, length - 1);
    expect(logprobs).toBeWithin(want, ROUNDED, { label: 'tales long logprobs' });
    const chosen = [255, 256, 511, 512, 699].filter((t) => t < length).flatMap((t) => [...row(t)]);
    const logitsThere = golden.get('long.logits_at_255_256_511_512_699')!.subarray(0, chosen.length);
    expect(chosen).toBeWithin(logitsThere, ROUNDED, { label: 'tales long logits' });
  }
});

describe('ReferenceGPT2', () => {
  const directory = 'test/fixtures/models/plain';
  const model = loadReferenceModel(directory);
  const ids = readSafetensors(`${directory}/golden.safetensors`).get('ids.1')!;
  const { hiddenSize: C, numPositions } = model.config;

  test('extending in chunks gives the same bits as one forward pass', () => expectSameInChunks(model, ids, [1, 8, 17]));

  test('logitsRows picks rows of the full logits', () => expectPickedRows(model, ids));

  test('refuses ids outside the vocabulary and sequences beyond the context, and leaves the state usable', () =>
    expectUsableAfterRefusals(model, ids));

  test('names a weight that is missing or has the wrong size', () => {
    const tensors = loadModelTensors(directory);
    const build = (name: string, data: Float64Array | undefined) => () =>
      new ReferenceGPT2(model.config, (wanted) => (wanted === name ? data : tensors.get(wanted)));
    expect(build('h.1.ln_2.bias', undefined)).toThrow(`h.1.ln_2.bias is missing, expected [${C}]`);
    expect(build('wpe.weight', new Float64Array(3))).toThrow(
      `wpe.weight.length is 3, expected ${numPositions * C} for [${numPositions},${C}]`,
    );
  });

  test('without scaleAttnWeights the scores are not divided by √headDim', () => {
    const tensors = loadModelTensors(directory);
    const unscaled = new ReferenceGPT2({ ...model.config, scaleAttnWeights: false }, (name) => tensors.get(name));
    // Scaling the query's weights and bias by 1/√D = 1/8, a power of two, gives back the scaled model's bits.
    const scaleQueries = (name: string, data: Float64Array) =>
      /c_attn/.test(name) ? data.map((value, i) => (i % (3 * C) < C ? value / 8 : value)) : data;
    const rescaled = new ReferenceGPT2({ ...model.config, scaleAttnWeights: false }, (name) => {
      const data = tensors.get(name);
      return data === undefined ? undefined : scaleQueries(name, data);
    });
    const want = model.forward(ids).logits;
    expect(rescaled.forward(ids).logits).toEqual(want);
    expect(unscaled.forward(ids).logits).not.toEqual(want);
  });
});
