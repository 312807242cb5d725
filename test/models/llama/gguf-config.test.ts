// Configurations from the metadata of GGUF files: equal to those of the same models' config.json, and whatever would change the maths is
// refused with file, key and value.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openGGUFFiles } from '../../../src/formats/gguf/gguf-files.ts';
import { ConfigError } from '../../../src/models/config.ts';
import { type LlamaConfig, parseLlamaConfig } from '../../../src/models/llama/config.ts';
import { gguf } from '../../../src/models/llama/gguf.ts';
import { ropeTable } from '../../../src/models/llama/rope-table.ts';
import '../../../src/testing/vitest.ts';
import { errorOf } from '../../support/error-of.ts';
import { f32, ggufBytes, keyOf, type MetadataInput, tensorEntry } from '../../support/models/gguf-bytes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

async function configOf(path: string): Promise<LlamaConfig> {
  await using files = await openGGUFFiles(path);
  return (await gguf.read(files, String(files.metadata.get('general.architecture')))).config;
}

function configJSON(name: string): LlamaConfig {
  return parseLlamaConfig(JSON.parse(readFileSync(`test/fixtures/models/${name}/config.json`, 'utf8')), name);
}

type Keys = Readonly<Record<string, MetadataInput | undefined>>;

/** Metadata of a small model, the architecture aside. */
const KEYS: Keys = {
  block_count: 2,
  context_length: 256,
  embedding_length: 64,
  feed_forward_length: 96,
  'attention.head_count': 4,
  'attention.head_count_kv': 2,
  'attention.layer_norm_rms_epsilon': 2 ** -17 + 2 ** -30,
  vocab_size: 300,
};

/** Writes a file whose metadata are those of the small model with some changed, or without them where undefined. */
function write(changes: Keys = {}, architecture = 'llama', tensors: Readonly<Record<string, number[]>> = {}): string {
  const path = join(temporaryDirectory(), 'model.gguf');
  const keys = Object.entries({ ...KEYS, ...changes }).flatMap(([key, value]) => {
    return value === undefined ? [] : [keyOf(key.includes('tokenizer') ? key : `${architecture}.${key}`, value)];
  });
  let at = 0;
  const entries = Object.entries(tensors).map(([name, numbers]) => {
    const entry = tensorEntry(name, [numbers.length], 0, at);
    at += 4 * numbers.length;
    return entry;
  });
  const data = Buffer.concat(Object.values(tensors).flat().map(f32));
  const alignment = keyOf('general.alignment', 4);
  writeFileSync(
    path,
    ggufBytes({
      keys: [keyOf('general.architecture', architecture), alignment, ...keys],
      tensors: entries,
      data,
      alignment: 4,
    }),
  );
  return path;
}

/** Message of the refusal, without the path. */
async function refusal(path: string): Promise<string> {
  const error = await errorOf(() => configOf(path));
  if (!(error instanceof ConfigError)) throw error;
  expect(error.path).toBe(path);
  return error.message.slice(path.length + 2);
}

describe('a file of the fixtures has the configuration of its config.json', () => {
  test.each([
    ['smol-f16', 'smol'],
    ['smol-q4_1', 'smol'],
    ['qwen3-f16', 'qwen3'],
  ])('%s that of %s', async (file, name) => {
    const want = configJSON(name);
    expect(await configOf(`test/fixtures/gguf/${file}.gguf`)).toEqual({
      ...want,
      normEpsilon: Math.fround(want.normEpsilon),
      ignoredKeys: [],
    });
  });

  test('llama3-q8_0 has the frequencies of llama3, by the divisors in the file', async () => {
    const [got, want] = [await configOf('test/fixtures/gguf/llama3-q8_0.gguf'), configJSON('llama3')];
    expect(got.rope).toMatchObject({ type: 'default', theta: 500_000 });
    expect(got.rope.freqFactors).toHaveLength(got.headDim / 2);
    expect({ ...got, rope: null }).toEqual({
      ...want,
      rope: null,
      normEpsilon: Math.fround(want.normEpsilon),
      ignoredKeys: [],
    });
    // Both frequencies are rounded: 2^-23 of an angle of up to 511, whose sine changes as much.
    expect(ropeTable(got, 512)).toBeWithin(ropeTable(want, 512), { abs: 511 * 2 ** -22 }, { label: 'rotary table' });
    const plain = ropeTable({ ...got, rope: { type: 'default', theta: 500_000 } }, 512);
    expect(plain).not.toEqual(ropeTable(got, 512));
  });
});

describe('the metadata', () => {
  test('may leave out what has a default', async () => {
    const changes = { 'attention.head_count_kv': undefined, vocab_size: undefined };
    const config = await configOf(write({ ...changes, 'tokenizer.ggml.tokens': ['a', 'b', 'c'] }));
    expect(config).toMatchObject({ numKVHeads: 4, headDim: 16, vocabSize: 3, window: null, mlpBias: false });
    expect(config).toMatchObject({
      rope: { type: 'default', theta: 10_000 },
      eosTokenIds: [],
      tieWordEmbeddings: true,
    });
  });

  test('may give a number for each layer, where it is the same', async () => {
    const config = await configOf(
      write({ 'attention.head_count': [4, 4], 'attention.head_count_kv': [2, 2], feed_forward_length: [96, 96] }),
    );
    expect(config).toMatchObject({ numHeads: 4, numKVHeads: 2, mlpSize: 96 });
  });

  test('gives each architecture its own parts', async () => {
    expect(await configOf(write())).toMatchObject({ attentionBias: { qkv: false, output: false }, qkNorm: false });
    expect(await configOf(write({}, 'qwen2'))).toMatchObject({
      attentionBias: { qkv: true, output: false },
      qkNorm: false,
    });
    expect(await configOf(write({}, 'qwen3'))).toMatchObject({
      attentionBias: { qkv: false, output: false },
      qkNorm: true,
    });
  });

  test('has biases and a head of its own where the files hold them', async () => {
    const tensors = { 'blk.0.attn_q.bias': [1], 'blk.0.ffn_gate.bias': [1], 'output.weight': [1] };
    expect(await configOf(write({}, 'llama', tensors))).toMatchObject({
      attentionBias: { qkv: true, output: true },
      mlpBias: true,
      tieWordEmbeddings: false,
    });
  });

  test.each(['llama', 'qwen2', 'qwen3'])('of %s may have a window for all layers', async (architecture) => {
    expect(await configOf(write({ 'attention.sliding_window': 24 }, architecture))).toMatchObject({ window: 24 });
    expect(await configOf(write({ 'attention.sliding_window': 0 }, architecture))).toMatchObject({ window: null });
  });

  test('names the ends of a text, a turn and a message, each once', async () => {
    const id = (name: string) => `tokenizer.ggml.${name}_token_id`;
    const config = await configOf(write({ [id('eos')]: 7, [id('eot')]: 9, [id('eom')]: 7 }));
    expect(config.eosTokenIds).toEqual([7, 9]);
  });

  test.each<[string, Keys, object]>([
    ['none', { 'rope.scaling.type': 'none', 'rope.scaling.factor': 4 }, { type: 'default', theta: 10_000 }],
    ['linear', { 'rope.scaling.type': 'linear', 'rope.scaling.factor': 4 }, { type: 'linear', factor: 4 }],
    ['a factor alone', { 'rope.scaling.factor': 4 }, { type: 'linear', factor: 4 }],
    [
      'yarn',
      {
        'rope.scaling.type': 'yarn',
        'rope.scaling.factor': 4,
        'rope.scaling.original_context_length': 64,
        'rope.scaling.yarn_beta_fast': 16,
      },
      {
        type: 'yarn',
        factor: 4,
        originalMaxPositions: 64,
        betaFast: 16,
        betaSlow: 1,
        attentionFactor: 0.1 * Math.log(4) + 1,
      },
    ],
  ])('may scale positions: %s', async (_, keys, rope) => {
    expect((await configOf(write({ 'rope.freq_base': 10_000, ...keys }))).rope).toMatchObject(rope);
  });

  test('lists the keys that it does not understand, and only those of the architecture', async () => {
    const keys = {
      'tokenizer.other': 1,
      wind_speed: 3,
      'rope.scaling.finetuned': true,
      logit_scale: 1,
      expert_count: 0,
    };
    expect((await configOf(write(keys))).ignoredKeys).toEqual(['llama.wind_speed']);
  });

  const unsupported = 'other values are not supported';
  test.each<[Keys, string]>([
    [{ block_count: undefined }, 'llama.block_count is missing, expected a positive integer'],
    [{ block_count: 0 }, 'llama.block_count is 0, expected a positive integer'],
    [{ block_count: [2, 2] }, 'llama.block_count is [2, 2], expected one value'],
    [{ embedding_length: '64' }, 'llama.embedding_length is "64", expected a positive integer'],
    [
      { embedding_length: 66 },
      'llama.embedding_length is 66, expected llama.attention.head_count (4) times an even head dim up to 256',
    ],
    [{ vocab_size: undefined }, 'llama.vocab_size is missing, expected a positive integer'],
    [
      { 'attention.layer_norm_rms_epsilon': undefined },
      'llama.attention.layer_norm_rms_epsilon is missing, expected a positive number that f32 holds',
    ],
    [{ 'attention.head_count': [4, 8] }, 'llama.attention.head_count is [4, 8], expected the same for all layers'],
    [{ 'attention.head_count': [] }, 'llama.attention.head_count is [], expected the same for all layers'],
    [
      { 'attention.head_count_kv': 3 },
      'llama.attention.head_count_kv is 3, expected a divisor of llama.attention.head_count (4)',
    ],
    [{ 'attention.key_length': 300 }, 'llama.attention.key_length is 300, expected an even head dim up to 256'],
    [{ 'attention.value_length': 8 }, 'llama.attention.value_length is 8, expected 16, as of keys'],
    [{ 'rope.dimension_count': 8 }, 'llama.rope.dimension_count is 8, expected 16, the head dim: all of a head turns'],
    [{ 'rope.freq_base': 0 }, 'llama.rope.freq_base is 0, expected a number above 1 that f32 holds'],
    [{ 'rope.scaling.type': 'longrope' }, 'llama.rope.scaling.type is "longrope", expected one of none, linear, yarn'],
    [
      { 'rope.scaling.type': 'linear', 'rope.scaling.factor': 0 },
      'llama.rope.scaling.factor is 0, expected a positive number that f32 holds',
    ],
    [{ 'rope.scaling.attn_factor': 2 }, `llama.rope.scaling.attn_factor is 2, expected 0 or 1: ${unsupported}`],
    [
      { 'rope.dimension_sections': [1, 2] },
      `llama.rope.dimension_sections is [1, 2], expected 0 or false: ${unsupported}`,
    ],
    [{ 'attention.scale': 0.5 }, `llama.attention.scale is 0.5, expected 0 or false: ${unsupported}`],
    [{ 'attention.causal': false }, `llama.attention.causal is false, expected true: ${unsupported}`],
    [{ expert_count: 8 }, `llama.expert_count is 8, expected 0 or false: ${unsupported}`],
    [{ logit_scale: 0.5 }, `llama.logit_scale is 0.5, expected 0 or 1: ${unsupported}`],
    [{ final_logit_softcapping: 30 }, `llama.final_logit_softcapping is 30, expected 0 or false: ${unsupported}`],
    [{ 'tokenizer.ggml.eos_token_id': 'x' }, 'tokenizer.ggml.eos_token_id is "x", expected an integer'],
  ])('is refused with %j', async (keys, message) => {
    expect(await refusal(write(keys))).toBe(message);
  });

  test.each([
    [[1, 2], 'shape is [2], expected [8], half of the head dim'],
    [[1, 2, 3, 4, 0, 6, 7, 8], 'a number is 0, expected above 0'],
    [[1, 2, 3, 4, Number.NaN, 6, 7, 8], 'a number is NaN, expected above 0'],
  ])('is refused with divisors of the frequencies %j', async (numbers, message) => {
    expect(await refusal(write({}, 'llama', { 'rope_freqs.weight': numbers }))).toBe(
      `tensor "rope_freqs.weight": ${message}`,
    );
  });
});
