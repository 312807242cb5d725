// Random weights: a function of seed, tensor and index, near normal within a few standard errors.
import { describe, expect, test } from 'vitest';
import { modelTensors } from '../../src/models/architecture.ts';
import { RandomCheckpoint } from '../../src/models/random-checkpoint.ts';
import { parseModel } from '../../src/models/registry.ts';
import { numElements } from '../../src/util/math.ts';

const keys = { n_layer: 2, n_head: 4, n_embd: 64, vocab_size: 1000, n_positions: 96 };
const model = parseModel(keys, 'test');

async function read(name: string, seed = 1): Promise<Float32Array> {
  await using source = new RandomCheckpoint(model, seed);
  const shape = source.shape(name);
  const out = new Float32Array(numElements(shape));
  await source.readRows(name, 0, shape[0]!, out);
  return out;
}

const mean = (values: Float32Array) => values.reduce((sum, x) => sum + x, 0) / values.length;

function correlation(a: Float32Array, b: Float32Array): number {
  return mean(a.map((x, i) => x * b[i]!)) / Math.sqrt(mean(a.map((x) => x * x)) * mean(b.map((x) => x * x)));
}

describe('random weights', () => {
  // Standard errors for n independent draws: of the mean σ/√n, of the standard deviation about σ/√(2n), of a
  // correlation 1/√n. Five of them leave a chance below 1e-6 that a fixed seed is an unlucky one.
  test.each([
    ['wte.weight', 0.02],
    ['wpe.weight', 0.02],
    ['h.1.attn.c_attn.weight', 0.02],
    ['h.0.attn.c_proj.weight', 0.01], // 0.02 / √(2 · 2 layers)
    ['h.1.mlp.c_proj.weight', 0.01],
  ])('of %s have mean 0 and standard deviation %d', async (name, std) => {
    const values = await read(name);
    const n = values.length;
    expect(Math.abs(mean(values))).toBeLessThan((5 * std) / Math.sqrt(n));
    expect(Math.abs(Math.sqrt(mean(values.map((x) => x * x))) - std)).toBeLessThan((5 * std) / Math.sqrt(2 * n));
  });

  test('are near normal: about 68.3 % lie within one standard deviation', async () => {
    const values = await read('wte.weight');
    const share = values.filter((x) => Math.abs(x) < 0.02).length / values.length;
    // The sum of four uniforms has 67.8 %; a uniform distribution would have 57.7 %.
    expect(share).toBeGreaterThan(0.66);
    expect(share).toBeLessThan(0.7);
  });

  test('of layers, neighbours and seeds are uncorrelated', async () => {
    const a = await read('h.0.mlp.c_fc.weight');
    const limit = 5 / Math.sqrt(a.length);
    expect(Math.abs(correlation(a, await read('h.1.mlp.c_fc.weight')))).toBeLessThan(limit);
    expect(Math.abs(correlation(a, await read('h.0.mlp.c_fc.weight', 2)))).toBeLessThan(limit);
    expect(Math.abs(correlation(a.subarray(1), a.subarray(0, -1)))).toBeLessThan(limit);
  });

  test('are a function of the whole seed', async () => {
    expect(await read('wpe.weight')).toEqual(await read('wpe.weight'));
    expect(await read('wpe.weight', 2 ** 32 + 1)).not.toEqual(await read('wpe.weight', 1));
  });

  test('do not depend on how the rows are read', async () => {
    const whole = await read('wte.weight');
    const source = new RandomCheckpoint(model, 1);
    const rows = new Float32Array(3 * 64);
    await source.readRows('wte.weight', 997, 3, rows);
    expect(rows).toEqual(whole.subarray(997 * 64));
  });

  test('of layer norms are 1 and all biases 0', async () => {
    for (const { name } of modelTensors(model)) {
      if (name.endsWith('.bias')) expect(new Set(await read(name))).toEqual(new Set([0]));
      else if (name.includes('ln_')) expect(new Set(await read(name))).toEqual(new Set([1]));
    }
  });
});

test('an untied configuration has a head of its own', () => {
  expect(new RandomCheckpoint(model, 1).tiedHead).toBe(true);
  const untied = new RandomCheckpoint(parseModel({ ...keys, tie_word_embeddings: false }, 'test'), 1);
  expect(untied.tiedHead).toBe(false);
  expect(untied.shape('lm_head.weight')).toEqual([1000, 64]);
});

test('an unknown tensor and rows outside a tensor are refused', async () => {
  const source = new RandomCheckpoint(model, 1);
  expect(() => source.shape('lm_head.weight')).toThrow('tensor is "lm_head.weight", expected a weight of the model');
  await expect(source.readRows('wte.weight', 1000, 1, new Float32Array(64))).rejects.toThrow('numRows is 1');
});
