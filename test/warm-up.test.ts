// The warm-up: after it, requests dispatch no kernel variant for the first time.
// @module-tag sweep
import { afterEach, expect, test, vi } from 'vitest';
import type { SamplingOptions } from '../src/core/sampling-params.ts';
import { Engine } from '../src/engine/engine.ts';
import { Device } from '../src/gpu/device.ts';
import { Program } from '../src/gpu/program.ts';
import { type LoadedModel, loadModel } from '../src/load-model.ts';
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';
import type { LoadProgress } from '../src/runtime/load-options.ts';

afterEach(() => vi.restoreAllMocks());

const sizes = { maxBatchSize: 9, maxModelLen: 320, maxBatchTokens: 96 };

/** Records the labels of the kernel variants that are dispatched from now on. */
function dispatchedLabels(): Set<string> {
  const labels = new Set<string>();
  const encode = Program.prototype.encode;
  vi.spyOn(Program.prototype, 'encode').mockImplementation(function (this: Program, ...args) {
    for (const { label } of this.dispatches) labels.add(label);
    return encode.apply(this, args);
  });
  return labels;
}

/** Runs steps of every kind: prompts whole and in chunks, each batch up to nine, over one split of keys and over two. */
async function runRequests(model: LoadedModel): Promise<number[][]> {
  await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer });
  const ids: number[][] = [];
  const ask = async (count: number, length: number, sampling: SamplingOptions) => {
    const requests = Array.from({ length: count }, (_, i) => ({
      promptIds: Array.from({ length }, (_, t) => 10 + ((7 * t + i) % 4000)),
      sampling: { maxTokens: 4, seed: i, ignoreEos: true, ...sampling },
    }));
    for (const finished of await engine.generateBatch(requests)) ids.push([...finished.ids]);
  };
  await ask(1, 1, { temperature: 0 });
  await ask(2, 3, { temperature: 0.8, topK: 20, topP: 0.9 });
  await ask(9, 30, { temperature: 1, repetitionPenalty: 1.2, minTokens: 2 });
  await ask(4, 270, { temperature: 0, logprobs: 3 });
  return ids;
}

for (const features of ['auto', 'base'] as const) {
  const title = `with ${features} features, every kernel that a request runs has run before the model is there, and the ids are the same`;
  test(title, { tags: features === 'base' ? ['slow'] : [] }, async () => {
    const warmed = dispatchedLabels();
    await using model = await loadModel(BUNDLED_MODEL, { ...sizes, features });
    vi.restoreAllMocks();
    const used = dispatchedLabels();
    const ids = await runRequests(model);
    vi.restoreAllMocks();
    expect([...used].filter((label) => !warmed.has(label))).toEqual([]);
    expect(used.size).toBeGreaterThan(10);

    const early = dispatchedLabels();
    await using cold = await loadModel(BUNDLED_MODEL, { ...sizes, features, warmUp: false });
    expect(early.size).toBe(0);
    expect(await runRequests(cold)).toEqual(ids);
  });
}

test('the phases of loading are reported in order, each to its end', async () => {
  const told: LoadProgress[] = [];
  await using model = await loadModel(BUNDLED_MODEL, { ...sizes, onProgress: (progress) => told.push(progress) });
  const phases = [...new Set(told.map(({ phase }) => phase))].filter((phase) => phase !== 'tuning');
  expect(phases).toEqual(['weights', 'warm-up']);
  for (const phase of phases) {
    const steps = told.filter((each) => each.phase === phase);
    const { done, total } = steps.at(-1)!;
    expect(done).toBe(total);
    expect(steps.every((each, i) => each.total === total && each.done >= (steps[i - 1]?.done ?? 0))).toBe(true);
  }
  expect(model.runner.limits.maxBatchSize).toBe(sizes.maxBatchSize);
});

test.each(['weights', 'warm-up'] as const)(
  'a callback that throws in the phase of %s ends the loading',
  async (phase) => {
    const close = vi.spyOn(Device.prototype, 'close');
    const loading = loadModel(BUNDLED_MODEL, {
      ...sizes,
      onProgress: (progress) => {
        if (progress.phase === phase) throw new Error('enough');
      },
    });
    await expect(loading).rejects.toThrow('enough');
    expect(close).toHaveBeenCalled();
    const [device] = close.mock.contexts;
    expect(device instanceof Device && device.liveBuffers).toBe(0);
  },
);

test.each([{ maxModelLen: 2 }, { maxModelLen: 11 }, { numBlocks: 2 }, { numBlocks: 11 }])(
  'a model of the smallest sizes is warmed up, too: %o',
  async (size) => {
    await using model = await loadModel(BUNDLED_MODEL, { maxBatchSize: 1, blockSize: 1, maxBatchTokens: 512, ...size });
    await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer });
    const { ids } = await engine.generate({ promptIds: [5], sampling: { maxTokens: 1, ignoreEos: true } });
    expect(ids.length).toBe(1);
  },
);

test('the way of a request through the engine is warmed up with the kernels, or not at all', async () => {
  const generate = vi.spyOn(Engine.prototype, 'generate');
  await using _cold = await loadModel(BUNDLED_MODEL, { warmUp: false });
  expect(generate).not.toHaveBeenCalled();
  await using _warm = await loadModel(BUNDLED_MODEL);
  const ended = await Promise.all(generate.mock.settledResults.map(({ value }) => value));
  expect(ended.map(({ finishReason }) => finishReason)).toEqual(['length', 'length']);
});
