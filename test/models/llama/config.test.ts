// config.json of the Llama family: the files of Hugging Face's own classes, their defaults, and every key that changes the maths
// honoured or refused by name.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/models/config.ts';
import { LLAMA_MODEL_TYPES, parseLlamaConfig } from '../../../src/models/llama/config.ts';

const sizes = {
  num_hidden_layers: 4,
  num_attention_heads: 8,
  hidden_size: 64,
  intermediate_size: 100,
  vocab_size: 50,
  max_position_embeddings: 8192,
};
const parse = (keys: object) => parseLlamaConfig({ model_type: 'llama', ...sizes, ...keys }, 'config.json');
const [mistral, qwen2, qwen3] = ['mistral', 'qwen2', 'qwen3'].map((model_type) => {
  return (keys: object = {}) => parse({ model_type, num_key_value_heads: 8, ...keys });
});

function parseFixture(name: string) {
  const path = `test/fixtures/models/${name}/config.json`;
  return parseLlamaConfig(JSON.parse(readFileSync(path, 'utf8')), path);
}

describe('the files of transformers', () => {
  const plain = { type: 'default', theta: 10_000 };
  const noBias = { qkv: false, output: false };
  test.each<[string, object]>([
    [
      'llama-plain',
      { numHeads: 4, numKVHeads: 2, headDim: 32, rope: plain, attentionBias: noBias, eosTokenIds: [319] },
    ],
    [
      'llama3',
      {
        numHeads: 2,
        numKVHeads: 1,
        headDim: 64,
        rope: { type: 'llama3', theta: 5e5, factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 },
        tieWordEmbeddings: true,
      },
    ],
    ['mistral', { numHeads: 3, numKVHeads: 1, headDim: 40, window: 24, rope: plain, mlpSize: 208, numPositions: 512 }],
    ['qwen2', { headDim: 24, attentionBias: { qkv: true, output: false }, rope: { type: 'default', theta: 1e6 } }],
    ['qwen3', { hiddenSize: 80, numHeads: 4, headDim: 32, qkNorm: true, window: null, normEpsilon: 1e-6 }],
    ['smol', { numHeads: 9, numKVHeads: 3, headDim: 32, numLayers: 2, vocabSize: 290 }],
    [
      'llama-bias',
      {
        numKVHeads: 3,
        headDim: 48,
        rope: { type: 'linear', theta: 10_000, factor: 2 },
        attentionBias: { qkv: true, output: true },
        mlpBias: true,
      },
    ],
    [
      'yarn',
      {
        qkNorm: true,
        rope: {
          type: 'yarn',
          theta: 1e6,
          factor: 8,
          originalMaxPositions: 64,
          betaFast: 32,
          betaSlow: 1,
          truncate: true,
          attentionFactor: 1.2079441541679836, // 0.1 · ln 8 + 1
        },
      },
    ],
  ])('parse: %s', (name, config) => {
    expect(parseFixture(name)).toMatchObject({ ...config, ignoredKeys: [] });
  });
});

test('llama, mistral, qwen2 and qwen3 are read', () => {
  expect(LLAMA_MODEL_TYPES).toEqual(['llama', 'mistral', 'qwen2', 'qwen3']);
});

describe('absent keys have the defaults of transformers', () => {
  test('llama', () => {
    expect(parse({})).toEqual({
      numLayers: 4,
      numHeads: 8,
      numKVHeads: 8,
      headDim: 8,
      hiddenSize: 64,
      mlpSize: 100,
      vocabSize: 50,
      numPositions: 8192,
      window: null,
      normEpsilon: 1e-6,
      rope: { type: 'default', theta: 10_000 },
      attentionBias: { qkv: false, output: false },
      mlpBias: false,
      qkNorm: false,
      tieWordEmbeddings: false,
      eosTokenIds: [2],
      ignoredKeys: [],
    });
    expect(parse({ vocab_size: 2 }).eosTokenIds).toEqual([]);
    expect(parse({ eos_token_id: null }).eosTokenIds).toEqual([]);
  });

  test('mistral: 8 key heads and a window of 4096', () => {
    const config = parse({ model_type: 'mistral', num_attention_heads: 16 });
    expect(config).toMatchObject({ numHeads: 16, numKVHeads: 8, window: 4096, eosTokenIds: [2] });
  });

  test('qwen2 and qwen3: 32 key heads and no eos; qwen3: a head dim of 128', () => {
    const heads = { num_attention_heads: 64, hidden_size: 512 };
    const config = { numKVHeads: 32, headDim: 8, window: null, eosTokenIds: [] };
    expect(parse({ model_type: 'qwen2', ...heads })).toMatchObject(config);
    expect(parse({ model_type: 'qwen3', ...heads })).toMatchObject({ ...config, headDim: 128 });
  });
});

test('null means H key heads and the quotient C / H for the head dim', () => {
  expect(mistral!({ num_key_value_heads: null, head_dim: null })).toMatchObject({ numKVHeads: 8, headDim: 8 });
  expect(qwen3!({ head_dim: null }).headDim).toBe(8);
});

test('every key is read', () => {
  const keys = {
    num_key_value_heads: 2,
    head_dim: 256,
    hidden_act: 'swish',
    rms_norm_eps: 1e-5,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
    eos_token_id: [7, 3],
  };
  expect(parse(keys)).toMatchObject({
    numKVHeads: 2,
    headDim: 256,
    normEpsilon: 1e-5,
    attentionBias: { qkv: true, output: true },
    mlpBias: true,
    tieWordEmbeddings: true,
    eosTokenIds: [7, 3],
  });
  expect(qwen3!({ attention_bias: true }).attentionBias).toEqual({ qkv: true, output: true });
});

describe('the sliding window', () => {
  test.each<[string, number | null, object]>([
    ['mistral', 24, { sliding_window: 24 }],
    ['mistral', null, { sliding_window: null }],
    ['mistral', null, { sliding_window: null, layer_types: Array(4).fill('full_attention') }],
    ['mistral', 24, { sliding_window: 24, layer_types: Array(4).fill('sliding_attention') }],
    ['mistral', null, { sliding_window: 8192 }],
    ['mistral', 8191, { sliding_window: 8191 }],
    ['qwen2', null, { use_sliding_window: false, sliding_window: 24, max_window_layers: 0 }],
    ['qwen2', null, { sliding_window: 24, max_window_layers: 2 }],
    ['qwen3', null, { use_sliding_window: true, sliding_window: 24 }],
    ['qwen2', null, { use_sliding_window: true, sliding_window: 24, max_window_layers: 4 }],
    ['qwen2', 24, { use_sliding_window: true, sliding_window: 24, max_window_layers: 0 }],
    ['qwen3', 4096, { use_sliding_window: true, max_window_layers: 0 }],
    ['qwen3', null, { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }],
    ['qwen3', 24, { use_sliding_window: true, sliding_window: 24, layer_types: Array(4).fill('sliding_attention') }],
    ['qwen3', null, { use_sliding_window: true, sliding_window: 24, layer_types: Array(4).fill('full_attention') }],
    ['qwen3', null, { use_sliding_window: true, max_window_layers: 28, layer_types: null }],
    ['llama', null, { sliding_window: 24, use_sliding_window: false }],
    ['llama', null, { sliding_window: null, layer_types: Array(4).fill('full_attention') }],
  ])('of %s is %j with %j', (model_type, window, keys) => {
    expect(parse({ model_type, num_key_value_heads: 8, ...keys }).window).toBe(window);
  });

  const half = ['full_attention', 'full_attention', 'sliding_attention', 'sliding_attention'];
  const fourTimes = 'expected 4 times full_attention, or 4 times sliding_attention';
  test.each<[string, object, string]>([
    ['mistral', { sliding_window: 0 }, 'sliding_window is 0, expected a positive integer or null'],
    ['mistral', { sliding_window: 1.5 }, 'sliding_window is 1.5, expected'],
    ['llama', { sliding_window: 24 }, 'sliding_window is 24, expected null with model_type llama'],
    ['mistral', { use_sliding_window: false }, 'use_sliding_window is false, expected true with model_type mistral'],
    [
      'qwen2',
      { use_sliding_window: true, max_window_layers: 2 },
      'max_window_layers is 2, expected 0 or at least num_hidden_layers (4): all layers slide or none',
    ],
    ['qwen2', { use_sliding_window: true, max_window_layers: -1 }, 'max_window_layers is -1, expected'],
    ['qwen2', { layer_types: half }, `layer_types is ${JSON.stringify(half)}, ${fourTimes}`],
    ['qwen2', { layer_types: ['full_attention'] }, `layer_types is ["full_attention"], ${fourTimes}`],
    ['qwen2', { layer_types: Array(4).fill('chunked_attention') }, 'layer_types is ["chunked_attention"'],
    ['qwen2', { layer_types: Array(4).fill(null) }, 'layer_types is [null,null,null,null], expected'],
    ['qwen2', { layer_types: 'full_attention' }, 'layer_types is "full_attention", expected'],
    [
      'qwen2',
      { layer_types: Array(4).fill('sliding_attention') },
      'sliding_window is null, expected the window of layer_types sliding_attention',
    ],
    [
      'mistral',
      { layer_types: Array(4).fill('full_attention') },
      'sliding_window is 4096, expected null, as layer_types are full_attention',
    ],
  ])('of %s is refused with %j', (model_type, keys, message) => {
    expect(() => parse({ model_type, num_key_value_heads: 8, ...keys })).toThrow(`config.json: ${message}`);
  });
});

describe('keys that are not read', () => {
  test('are ignored and listed unless they are known not to concern inference', () => {
    expect(parse({ use_cache: true, torch_dtype: 'bfloat16', bos_token_id: 1, architectures: [] }).ignoredKeys).toEqual(
      [],
    );
    const config = parse({ bos_token_id: 1, new_gadget: { a: 1 }, __proto__x: 3 });
    expect(config).toEqual({ ...parse({}), ignoredKeys: ['new_gadget', '__proto__x'] });
    const json: unknown = JSON.parse(JSON.stringify({ model_type: 'llama', ...sizes }).replace('{', '{"__proto__":1,'));
    expect(parseLlamaConfig(json, 'config.json').ignoredKeys).toEqual(['__proto__']);
  });

  test.each<[string, unknown, string]>([
    ['quantization_config', { bits: 4 }, '{"bits":4}, expected null'],
    ['attn_logit_softcapping', 50, '50, expected null'],
    ['final_logit_softcapping', 30, '30, expected null'],
    ['embedding_multiplier', 12, '12, expected 1 or null'],
    ['attention_multiplier', 1, '1, expected null'],
    ['logit_scale', 0.0625, '0.0625, expected 1 or null'],
    ['logits_scaling', 8, '8, expected 1 or null'],
    ['partial_rotary_factor', 0.5, '0.5, expected 1 or null'],
    ['no_rope_layers', [1, 1, 1, 0], '[1,1,1,0], expected 1 or null'],
    ['no_rope_layer_interval', 4, '4, expected 0 or null'],
    ['pretraining_tp', 2, '2, expected 1 or false or null'],
    ['num_experts', 8, '8, expected 0 or false or null'],
    ['num_local_experts', 8, '8, expected 0 or false or null'],
    ['moe_intermediate_size', 768, '768, expected 0 or false or null'],
    ['mlp_only_layers', [3], '[3], expected 0 or false or null'],
    ['clip_qkv', 8, '8, expected null'],
    ['rope_interleaved', true, 'true, expected false or null'],
    ['position_embedding_type', 'alibi', '"alibi", expected "rope" or "rotary" or null'],
    ['is_encoder_decoder', true, 'true, expected false or null'],
    ['add_cross_attention', true, 'true, expected false or null'],
    ['attention_chunk_size', 8192, '8192, expected null'],
    ['pruned_heads', { 0: [1] }, '{"0":[1]}, expected null'],
    ['use_qk_norm', true, 'true, expected false or null'],
    ['text_config', { hidden_size: 3 }, '{"hidden_size":3}, expected null'],
  ])('are refused where they change the maths: %s', (key, value, message) => {
    for (const model_type of LLAMA_MODEL_TYPES) {
      const keys = { model_type, num_key_value_heads: 8, [key]: value };
      expect(() => parse(keys)).toThrow(ConfigError);
      expect(() => parse(keys)).toThrow(`config.json: ${key} is ${message}: other values are not supported`);
      expect(parse({ ...keys, [key]: null }).ignoredKeys).toEqual([]);
    }
  });

  test.each<[string, unknown]>([
    ['quantization_config', {}],
    ['residual_multiplier', 1],
    ['partial_rotary_factor', 1],
    ['no_rope_layers', [1, 1, 1, 1]],
    ['no_rope_layer_interval', 0],
    ['pretraining_tp', 1],
    ['num_experts', 0],
    ['mlp_only_layers', []],
    ['output_router_logits', false],
    ['rope_interleaved', false],
    ['is_encoder_decoder', false],
    ['pruned_heads', {}],
    ['qk_norm', false],
  ])('are taken where their value is neutral: %s %j', (key, value) => {
    expect(parse({ [key]: value })).toEqual(parse({}));
  });
});

describe('the configuration is refused', () => {
  test.each(Object.keys(sizes))('without %s', (key) => {
    expect(() => parse({ [key]: undefined })).toThrow(`config.json: ${key} is missing, expected a positive integer`);
  });

  test.each<[object, string]>([
    [{ model_type: undefined }, 'model_type is missing, expected one of llama, mistral, qwen2, qwen3'],
    [{ model_type: 'smollm3' }, 'model_type is "smollm3", expected one of llama, mistral, qwen2, qwen3'],
    [{ model_type: 'toString' }, 'model_type is "toString", expected'],
    [{ model_type: 1 }, 'model_type is 1, expected'],
    [{ num_hidden_layers: 0 }, 'num_hidden_layers is 0, expected a positive integer'],
    [{ vocab_size: '50' }, 'vocab_size is "50", expected a positive integer'],
    [{ num_key_value_heads: 3 }, 'num_key_value_heads is 3, expected a divisor of num_attention_heads (8)'],
    [{ num_key_value_heads: 16 }, 'num_key_value_heads is 16, expected a divisor of num_attention_heads (8)'],
    [{ num_key_value_heads: 0 }, 'num_key_value_heads is 0, expected a positive integer or null'],
    [{ head_dim: 7 }, 'head_dim is 7, expected an even head dim up to 256'],
    [{ head_dim: 258 }, 'head_dim is 258, expected an even head dim up to 256'],
    [{ hidden_size: 65 }, 'hidden_size is 65, expected num_attention_heads (8) times an even head dim up to 256'],
    [{ hidden_size: 56 }, 'hidden_size is 56, expected num_attention_heads (8) times an even head dim up to 256'],
    [{ hidden_act: 'gelu' }, 'hidden_act is "gelu", expected one of silu, swish'],
    [{ hidden_act: null }, 'hidden_act is null, expected one of silu, swish'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps is 0, expected a positive number'],
    [{ rms_norm_eps: 1e-60 }, 'rms_norm_eps is 1e-60, expected a positive number that f32 holds'],
    [{ rms_norm_eps: 1e39 }, 'rms_norm_eps is 1e+39, expected a positive number that f32 holds'],
    [{ attention_bias: 1 }, 'attention_bias is 1, expected true or false'],
    [{ mlp_bias: 'no' }, 'mlp_bias is "no", expected true or false'],
    [{ tie_word_embeddings: null }, 'tie_word_embeddings is null, expected true or false'],
    [{ eos_token_id: '2' }, 'eos_token_id is "2", expected an integer, a list of integers or null'],
    [{ model_type: 'mistral', attention_bias: true }, 'attention_bias is true, expected false with model_type mistral'],
    [
      { model_type: 'qwen2', num_key_value_heads: 8, attention_bias: false },
      'attention_bias is false, expected true with model_type qwen2',
    ],
    [
      { model_type: 'qwen3', num_key_value_heads: 8, mlp_bias: true },
      'mlp_bias is true, expected false with model_type qwen3',
    ],
  ])('with %j', (keys, message) => {
    expect(() => parse(keys)).toThrow(ConfigError);
    expect(() => parse(keys)).toThrow(`config.json: ${message}`);
  });

  test.each([[[]], [null], ['llama']])('when it is %j', (json) => {
    expect(() => parseLlamaConfig(json, 'config.json')).toThrow('expected a JSON object');
  });
});

test('qwen2 has biases of q, k and v alone', () => {
  expect(qwen2!({ attention_bias: true }).attentionBias).toEqual({ qkv: true, output: false });
});
