// GPT-2's config.json: defaults of transformers, every key that changes the maths read or refused by name.
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/models/config.ts';
import { parseGPT2Config } from '../../../src/models/gpt2/config.ts';

const sizes = { n_layer: 2, n_head: 3, n_embd: 12, vocab_size: 100, n_positions: 16 };
const parse = (keys: object) => parseGPT2Config({ ...sizes, ...keys }, 'config.json');

test('absent keys have the defaults of transformers', () => {
  expect(parse({})).toEqual({
    numLayers: 2,
    numHeads: 3,
    numKVHeads: 3,
    headDim: 4,
    hiddenSize: 12,
    mlpSize: 48,
    vocabSize: 100,
    numPositions: 16,
    window: null,
    normEpsilon: 1e-5,
    activation: 'gelu_new',
    scaleAttnWeights: true,
    scaleAttnByInverseLayerIdx: false,
    tieWordEmbeddings: true,
    eosTokenIds: [], // 50256, the default, is not in this vocabulary
    ignoredKeys: [],
  });
  expect(parse({ vocab_size: 50257 }).eosTokenIds).toEqual([50256]);
});

test('every key is read', () => {
  const keys = {
    model_type: 'gpt2',
    n_inner: 20,
    layer_norm_epsilon: 1e-6,
    activation_function: 'relu',
    scale_attn_weights: false,
    scale_attn_by_inverse_layer_idx: true,
    tie_word_embeddings: false,
    eos_token_id: 0,
  };
  expect(parse(keys)).toMatchObject({
    mlpSize: 20,
    normEpsilon: 1e-6,
    activation: 'relu',
    scaleAttnWeights: false,
    scaleAttnByInverseLayerIdx: true,
    tieWordEmbeddings: false,
    eosTokenIds: [0],
  });
});

test('eos_token_id may be a list: each id counts once, and one beyond the vocabulary stays for the loader to report', () => {
  expect(parse({ eos_token_id: [7, 3, 7, -1, 100] }).eosTokenIds).toEqual([7, 3, -1, 100]);
  expect(parse({ eos_token_id: [] }).eosTokenIds).toEqual([]);
  expect(parse({ vocab_size: 60000, eos_token_id: [5] }).eosTokenIds).toEqual([5]);
});

test('null means the default for n_inner and no token for eos_token_id', () => {
  expect(parse({ n_inner: null, eos_token_id: null })).toMatchObject({ mlpSize: 48, eosTokenIds: [] });
});

test('gelu_pytorch_tanh is gelu_new', () => {
  expect(parse({ activation_function: 'gelu_pytorch_tanh' }).activation).toBe('gelu_new');
  expect(parse({ activation_function: 'gelu' }).activation).toBe('gelu');
});

test('n_ctx stands in for an absent n_positions and yields to a present one', () => {
  expect(parse({ n_positions: undefined, n_ctx: 8 }).numPositions).toBe(8);
  expect(parse({ n_ctx: 8 }).numPositions).toBe(16);
});

test('head dims of 1 and 128 and odd ones are accepted', () => {
  const headDims = [3, 384, 15].map((n_embd) => parse({ n_embd }).headDim);
  expect(headDims).toEqual([1, 128, 5]);
});

test('keys that do not concern inference are ignored', () => {
  const keys = { attn_pdrop: 0.1, reorder_and_upcast_attn: true, add_cross_attention: false };
  expect(parse(keys)).toEqual(parse({}));
});

describe('the configuration is refused', () => {
  test.each(['n_layer', 'n_head', 'n_embd', 'vocab_size', 'n_positions'])('without %s', (key) => {
    expect(() => parse({ [key]: undefined })).toThrow(`config.json: ${key} is missing, expected a positive integer`);
  });

  test.each([
    [{ n_layer: 0 }, 'n_layer is 0, expected a positive integer'],
    [{ n_layer: null }, 'n_layer is null, expected a positive integer'],
    [{ n_head: 1.5 }, 'n_head is 1.5, expected a positive integer'],
    [{ vocab_size: '100' }, 'vocab_size is "100", expected a positive integer'],
    [{ n_inner: -1 }, 'n_inner is -1, expected a positive integer or null'],
    [{ n_embd: 13 }, 'n_embd is 13, expected n_head (3) times a head dim of 1 to 128'],
    [{ n_embd: 387 }, 'n_embd is 387, expected n_head (3) times a head dim of 1 to 128'],
    [
      { activation_function: 'silu' },
      'activation_function is "silu", expected one of gelu_new, gelu_pytorch_tanh, gelu, relu',
    ],
    [{ activation_function: 'toString' }, 'activation_function is "toString"'],
    [{ add_cross_attention: true }, 'add_cross_attention is true, expected false'],
    [{ layer_norm_epsilon: 0 }, 'layer_norm_epsilon is 0, expected a positive number'],
    [{ layer_norm_epsilon: 1e39 }, 'layer_norm_epsilon is 1e+39, expected a positive number that f32 holds'],
    [{ scale_attn_weights: 1 }, 'scale_attn_weights is 1, expected true or false'],
    [{ scale_attn_by_inverse_layer_idx: 'no' }, 'scale_attn_by_inverse_layer_idx is "no", expected true or false'],
    [{ tie_word_embeddings: null }, 'tie_word_embeddings is null, expected true or false'],
    ...['1', 1.5, true, [[1]], [1, '2'], [1, null], {}].map((eos_token_id): [object, string] => [
      { eos_token_id },
      `eos_token_id is ${JSON.stringify(eos_token_id)}, expected an integer, a list of integers or null`,
    ]),
    [{ eos_token_id: Array.from({ length: 64 }, (_, id) => id) }, 'number of eos_token_id is 64, expected at most 63'],
  ])('with %j', (keys, message) => {
    expect(() => parse(keys)).toThrow(ConfigError);
    expect(() => parse(keys)).toThrow(`config.json: ${message}`);
  });

  test.each([[[]], [null], ['gpt2']])('when it is %j', (json) => {
    expect(() => parseGPT2Config(json, 'config.json')).toThrow('expected a JSON object');
  });
});
