// Sizes by the memory that there is: a context that no caller asked for is halved until it fits, and said; one that was asked
// for is never changed.
import { describe, expect, test } from 'vitest';
import { parseModel } from '../../src/models/registry.ts';
import { describeCut, fitSizes } from '../../src/runtime/fit-sizes.ts';
import { checkMemory, planMemory } from '../../src/runtime/memory-plan.ts';
import { type RunnerOptions, resolveSizes } from '../../src/runtime/runtime-sizes.ts';

const MAX_BINDING = 2 ** 31;
const device = {
  gpu: { limits: { maxStorageBufferBindingSize: MAX_BINDING } },
  traits: { reduction: 'software' },
} as const;
/** 256 KiB of keys and values a token, in f32. */
const model = parseModel({ n_layer: 32, n_head: 16, n_embd: 1024, vocab_size: 70, n_positions: 131_072 }, 'test');

const sizesFor = (hostBytes: number | undefined, options: RunnerOptions = {}) =>
  fitSizes(model, options, 'f16', { device, hostBytes });

describe('a context that no caller asked for', () => {
  test.each([
    [undefined, 32_768],
    [2 ** 40, 131_072],
    [20 * 2 ** 30, 65_536],
    [4 * 2 ** 30, 8192],
  ])('with %d bytes of the host is %d tokens, and fits with one longest sequence', (hostBytes, context) => {
    const sizes = sizesFor(hostBytes);
    expect(sizes.maxModelLen).toBe(context);
    expect(sizes.numBlocks * sizes.blockSize).toBeGreaterThanOrEqual(context);
    checkMemory(model, sizes, { maxBindingBytes: MAX_BINDING, hostBytes });
    expect(describeCut(model, sizes, {})).toBe(
      context === 131_072
        ? null
        : `context: ${context} of the model's 131072 tokens, as the memory allows; maxModelLen sets another`,
    );
  });

  test('is not cut below 1024 tokens: a model without room for these is refused', () => {
    const sizes = sizesFor(2 ** 20);
    expect(sizes.maxModelLen).toBe(1024);
    expect(() => checkMemory(model, sizes, { maxBindingBytes: MAX_BINDING, hostBytes: 2 ** 20 })).toThrow(/need/);
  });

  test('is cut to what one binding of keys and values holds', () => {
    const narrow = { ...device, gpu: { limits: { maxStorageBufferBindingSize: 2 ** 29 } } };
    // 8 KiB a token and layer.
    expect(fitSizes(model, {}, 'f16', { device: narrow, hostBytes: 2 ** 40 }).maxModelLen).toBe(65_536);
  });
});

test('a model that slides gets blocks for windows and steps, not for whole contexts', () => {
  const sliding = { ...model, config: { ...model.config, window: 4096 } };
  const sizes = resolveSizes(sliding.config, { maxBatchSize: 2 }, 'f16', device);
  // 2048 tokens of a step and the 4095 before them, wherever in a block they begin.
  expect(sizes).toMatchObject({ window: 4096, numBlocks: 2 * 385 });
  expect(resolveSizes(model.config, { maxBatchSize: 2 }, 'f16', device)).not.toHaveProperty('window');
  // 6144 tokens of 256 KiB fit where 131,072 don't.
  expect(fitSizes(sliding, {}, 'f16', { device, hostBytes: 4 * 2 ** 30 }).maxModelLen).toBe(131_072);
});

test('a context that was asked for stays, and nothing is said of it', () => {
  const sizes = sizesFor(4 * 2 ** 30, { maxModelLen: 131_072 });
  expect(sizes.maxModelLen).toBe(131_072);
  expect(describeCut(model, sizes, { maxModelLen: 131_072 })).toBe(null);
});

test('a step takes 2,048 tokens by default, or the context where that is less, or one for each sequence', () => {
  const tokens = (options: RunnerOptions) => resolveSizes(model.config, options, 'f16', device).maxBatchTokens;
  expect([tokens({}), tokens({ maxModelLen: 100 }), tokens({ maxModelLen: 4, maxBatchSize: 9 })]).toEqual([
    2048, 100, 9,
  ]);
});

test('a pool on a GPU takes 8 GiB at most', () => {
  const { kv } = planMemory(model, sizesFor(undefined, { maxBatchSize: 64 }));
  expect(kv).toBeLessThanOrEqual(8 * 2 ** 30);
  expect(kv).toBeGreaterThan(7.9 * 2 ** 30);
});
