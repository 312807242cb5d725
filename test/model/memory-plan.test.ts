import { expect, test } from 'vitest';
import { parseGPT2Config, randomConfig } from '../../src/model/config.ts';
import { formatBytes, type MemoryOptions, planMemory } from '../../src/model/memory-plan.ts';

const keys = { n_layer: 2, n_head: 2, n_embd: 4, n_inner: 10, vocab_size: 7, n_positions: 6 };
const config = parseGPT2Config(keys, 'test');
const options: MemoryOptions = {
  dtype: 'f32',
  kvDtype: 'f16',
  numBlocks: 5,
  blockSize: 16,
  maxBatchTokens: 3,
  maxBatchSize: 2,
  maxModelLen: 33,
};

test('a small model takes the bytes that were counted by hand', () => {
  // matrices: wte 28, wpe 24, per layer 48 + 16 + 40 + 40; vectors: per layer 16 + 12 + 4 + 10 + 4, ln_f 8
  const matrices = 28 + 24 + 2 * 144;
  const vectors = 2 * 46 + 8;
  // per token 6 · 4 + 10 f32; per sequence 4 hidden, 7 logits and 3 blocks for 33 tokens
  const activations = 4 * (3 * 34 + 2 * 14);
  const kv = 2 * 2 * 5 * 16 * 4 * 2;
  const weights = 4 * (matrices + vectors);
  expect(planMemory(config, options)).toEqual({ weights, kv, activations, total: weights + kv + activations });
  expect(planMemory(config, { ...options, dtype: 'f16' }).weights).toBe(2 * matrices + 4 * vectors);
  expect(planMemory(config, { ...options, kvDtype: 'f32' }).kv).toBe(2 * kv);
});

test('an untied head takes another V · C', () => {
  const untied = planMemory({ ...config, tieWordEmbeddings: false }, options);
  expect(untied.weights - planMemory(config, options).weights).toBe(4 * 28);
});

test('GPT-2 in f32 has 124,439,808 parameters', () => {
  expect(planMemory(randomConfig('gpt2'), options).weights / 4).toBe(124_439_808);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [154_389_504, '147.2 MiB'],
  [2 ** 30, '1.0 GiB'],
  [2 ** 52, '4096.0 TiB'],
])('%d bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
