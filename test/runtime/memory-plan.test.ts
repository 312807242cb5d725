// The memory plan against the bytes that the device counts; what does not fit is refused with both numbers before
// allocation.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { ReductionClass } from '../../src/gpu/reduction.ts';
import { loadModel } from '../../src/load-model.ts';
import { RandomCheckpoint } from '../../src/models/random-checkpoint.ts';
import { parseModel, randomModel } from '../../src/models/registry.ts';
import { fitPool } from '../../src/runtime/fit-sizes.ts';
import { checkMemory, formatBytes, MemoryError, planMemory } from '../../src/runtime/memory-plan.ts';
import { ModelRunner } from '../../src/runtime/model-runner.ts';
import { type RunnerOptions, resolveSizes, type SizingDevice } from '../../src/runtime/runtime-sizes.ts';
import { head, keys as headKeys, modelDirectory, modelTensors, WTE } from '../support/models/checkpoint-directory.ts';

const keys = { n_layer: 2, n_head: 2, n_embd: 12, n_inner: 10, vocab_size: 70, n_positions: 300 };
const model = parseModel(keys, 'test');
const MAX_BINDING = 2 ** 27;

function deviceOf(maxStorageBufferBindingSize: number, reduction: ReductionClass = 'software'): SizingDevice {
  return { gpu: { limits: { maxStorageBufferBindingSize } }, traits: { reduction } };
}

function sizesOf(options: RunnerOptions, { config } = model) {
  return resolveSizes(config, options, 'f32', deviceOf(MAX_BINDING));
}

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

test.each([
  ['f32', 'f32', true],
  ['f16', 'f16', false],
  ['q8', 'f32', false],
] as const)(
  '%s weights and %s keys take exactly the bytes that are alive on the device',
  async (dtype, kvDtype, tied) => {
    const made = parseModel({ ...keys, tie_word_embeddings: tied }, 'test');
    const sizes = sizesOf({ dtype, kvDtype, maxBatchSize: 3, numBlocks: 20 }, made);
    const plan = planMemory(made, sizes);
    expect(plan.total).toBe(plan.weights + plan.kv + plan.activations);
    expect(device.liveBytes).toBe(0);
    const runner = await ModelRunner.create(device, made, new RandomCheckpoint(made, 0), sizes);
    expect(device.liveBytes).toBe(plan.total);
    await runner.close();
    await runner.close();
    expect(device.liveBytes).toBe(0);
    expect(device.liveBuffers).toBe(0);
  },
);

test.each([
  ['tied, without one in the files', true, null],
  ['tied, with a copy of the embedding in the files', true, WTE],
  ['tied, with another one in the files', true, WTE.with(-1, 11)],
  ['untied', false, WTE],
])('a model is loaded into the bytes that it reports, with a head that is %s', async (_, tied, stored) => {
  const tensors = modelTensors();
  if (stored !== null) tensors.set('lm_head.weight', head(...stored));
  const dir = modelDirectory(tensors);
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...headKeys, tie_word_embeddings: tied }));
  await using loaded = await loadModel(dir, { warmUp: false });
  expect(loaded.device.liveBytes).toBe(loaded.memory.total);
});

test('the f32 matrices of GPT-2 dominate its 124,439,808 parameters', () => {
  const { model: gpt2 } = randomModel('gpt2');
  const { weights } = planMemory(gpt2, sizesOf({ dtype: 'f32', numBlocks: 1 }, gpt2));
  // Besides the parameters there are zeros that fill the last vocabulary tile (50257 = 1570 · 32 + 17), and a zero bias.
  expect(weights).toBe(4 * (124_439_808 + 15 * 768 + 50257));
});

test('a scratch tensor of the layers with the name of one that every model has is refused', () => {
  const shadowing = { ...model, scratch: { ...model.scratch, hidden: 12 } };
  expect(() => planMemory(shadowing, sizesOf({}))).toThrow(
    'scratch tensor of the layers is "hidden", expected none of hidden, normed, partials, gathered, logits,',
  );
});

test('sizes beyond the memory of the host are refused with both numbers', () => {
  const sizes = sizesOf({});
  const { total } = planMemory(model, sizes);
  const check = (hostBytes: number) => checkMemory(model, sizes, { maxBindingBytes: MAX_BINDING, hostBytes });
  check(total);
  expect(() => check(total - 1)).toThrow(MemoryError);
  expect(() => check(total - 1)).toThrow(new RegExp(`need ${total} bytes .* free ${total - 1}$`));
});

test('a default pool is cut to the blocks that the host has room for, but one longest sequence always has its own', () => {
  const sizes = sizesOf({ maxBatchSize: 3 });
  const { total, kv } = planMemory(model, sizes);
  const ofBlock = kv / 57;
  const blocks = (hostBytes: number) => fitPool(model, sizes, { hostBytes }).numBlocks;
  expect(blocks(2 * total)).toBe(57);
  expect(blocks(total)).toBe(57);
  expect(blocks(total - 1)).toBe(56);
  expect(blocks(total - 20 * ofBlock)).toBe(37);
  expect(blocks(total - 38 * ofBlock)).toBe(19);
  expect(blocks(total - 39 * ofBlock)).toBe(19);
  expect(blocks(0)).toBe(19);
});

test('activations and matrices beyond the largest binding are refused, a vocabulary is not', () => {
  const sizes = sizesOf({ maxBatchSize: 1, maxBatchTokens: 300 });
  const check = (maxBindingBytes: number) => checkMemory(model, sizes, { maxBindingBytes });
  const qkv = 4 * 300 * 3 * 12;
  check(qkv);
  expect(() => check(qkv - 1)).toThrow(`qkv activations of 300 tokens need ${qkv} bytes`);
  const wide = parseModel({ ...keys, vocab_size: 100_000 }, 'test');
  checkMemory(wide, sizesOf({ maxBatchSize: 1 }, wide), { maxBindingBytes: 100_000 * 4 });
  const deep = sizesOf({ maxBatchSize: 1, maxBatchTokens: 1, maxModelLen: 1 });
  expect(() => checkMemory(model, deep, { maxBindingBytes: 3000 })).toThrow('weights of wpe.weight need 14400 bytes');
});

test.each([
  [{ maxModelLen: 301 }, "maxModelLen is 301, expected at most the model's 300 positions"],
  [{ numBlocks: 0 }, 'numBlocks is 0, expected an integer ≥ 1'],
  [{ maxBatchSize: 1.5 }, 'maxBatchSize is 1.5, expected an integer ≥ 1'],
  [{ maxBatchTokens: 7 }, 'maxBatchTokens is 7, expected at least maxBatchSize, 8'],
  [
    { numBlocks: 70_000 },
    "numBlocks is 70000, expected at most 65536: a layer's blocks of 2048 bytes share one binding of 134217728 bytes",
  ],
])('sizes of %j are refused', (options, message) => {
  expect(() => sizesOf(options)).toThrow(message);
});

test('the default pool holds the longest sequences of a whole batch, or what one binding holds', () => {
  expect(sizesOf({ maxBatchSize: 3 }).numBlocks).toBe(3 * 19);
  expect(resolveSizes(model.config, {}, 'f32', deviceOf(10 * 2048 + 5)).numBlocks).toBe(10);
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
