// The float64 Llama family against goldens of Hugging Face: the oracle is judged before anything is judged by it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseLlamaConfig } from '../../src/models/llama/config.ts';
import { ReferenceLlama } from '../../src/reference/llama.ts';
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
import { loadReferenceLlama } from '../support/models/reference-llama.ts';

/**
 * Transformers computes norms, softmax and the products of cosines and sines in float32: 2^-24 of values up to 24, some ten times a
 * layer, in at most 3 layers, gives 4e-5 at worst. Measured: 8.0e-6 for logits, 9.5e-6 for hidden states.
 */
const FLOAT32_INSIDE = { abs: 2e-5 };

const FIXTURES = ['llama-plain', 'llama3', 'mistral', 'qwen2', 'qwen3', 'smol', 'llama-bias', 'yarn'];

describe.each(FIXTURES)('fixture model %s', (name) => {
  const directory = `test/fixtures/models/${name}`;
  const model = loadReferenceLlama(directory);
  const golden = readSafetensors(`${directory}/golden.safetensors`);

  test('has the golden logits at every position', () => expectReferenceLogits(model, golden, FLOAT32_INSIDE, name));

  test('has the golden hidden states', () => expectReferenceHidden(model, golden, FLOAT32_INSIDE, name));

  test('continues greedily as the golden does', () => {
    const { greedy } = JSON.parse(readFileSync(`${directory}/golden.json`, 'utf8'));
    expectReferenceGreedy(model, greedy, { abs: 2 * FLOAT32_INSIDE.abs }, name);
  });

  test('has the configuration that the parser of config.json reads', () => {
    const path = `${directory}/config.json`;
    expect(parseLlamaConfig(JSON.parse(readFileSync(path, 'utf8')), path)).toMatchObject({ ...model.config });
  });
});

describe('ReferenceLlama', () => {
  const directory = 'test/fixtures/models/mistral';
  const model = loadReferenceLlama(directory);
  const ids = readSafetensors(`${directory}/golden.safetensors`).get('ids.2')!.subarray(0, 60);
  const { hiddenSize: C, vocabSize: V, numKVHeads: G, headDim: D } = model.config;

  test('extending in chunks gives the same bits as one forward pass, through the window too', () =>
    expectSameInChunks(model, ids, [1, 30, 60]));

  test('a token beyond the window of every layer changes nothing', () => {
    const { numLayers, window } = model.config;
    const reach = numLayers * (window! - 1);
    const row = (first: number, length: number) => {
      const text = [first, ...Array.from({ length: length - 1 }, (_, i) => (i * 7) % V)];
      return model.forward(text, { logitsRows: [length - 1] }).logits;
    };
    // Exact: the keys that a row sees are summed, and no others.
    expect(row(1, reach + 2)).toEqual(row(2, reach + 2));
    expect(row(1, reach + 1)).not.toEqual(row(2, reach + 1));
  });

  test('rounds keys and values to f16 where they are stored so', () => {
    const rounded = loadReferenceLlama(directory, undefined, { kvDtype: 'f16' });
    const [exact, half] = [model.createState(), rounded.createState()];
    const want = model.extend(exact, ids).logits;
    const { logits } = rounded.extend(half, ids);
    for (const part of ['keys', 'values'] as const) {
      expect(half[part][0]).toEqual(exact[part][0]!.map((value) => Math.f16round(value)));
      expect(half[part][0]).not.toEqual(exact[part][0]);
    }
    expect(half.keys[0]).toHaveLength(60 * G * D);
    expect(logits).not.toEqual(want);
    // Keys and values err by 2^-11 of themselves; measured: 1.2e-2 of logits up to 8.
    expect(logits).toBeWithin(want, { abs: 2e-2 }, { label: 'logits with keys and values in f16' });
  });

  test('takes weights that were changed', () => {
    const doubled = loadReferenceLlama(directory, (name, data, shape) => {
      return name === 'lm_head.weight' && shape[0] === V && shape[1] === C ? data.map((value) => 2 * value) : data;
    });
    const [once, twice] = [model, doubled].map((each) => each.forward(ids.subarray(0, 3)).logits);
    expect(twice).toEqual(once!.map((logit) => 2 * logit));
  });

  test('logitsRows picks rows of the full logits', () => expectPickedRows(model, ids));

  test('refuses ids outside the vocabulary and sequences beyond the context, and leaves the state usable', () =>
    expectUsableAfterRefusals(model, ids));

  test('names a weight that is missing or has the wrong size', () => {
    const tensors = loadModelTensors(directory);
    const build = (name: string, data: Float64Array | undefined) => () =>
      new ReferenceLlama(model.config, (wanted) => (wanted === name ? data : tensors.get(wanted)));
    expect(build('layers.1.mlp.up_proj.weight', undefined)).toThrow(
      `layers.1.mlp.up_proj.weight is missing, expected [208,${C}]`,
    );
    expect(build('norm.weight', new Float64Array(3))).toThrow(`norm.weight.length is 3, expected ${C} for [${C}]`);
  });
});
