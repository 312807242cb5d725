// Bit equality of the Llama family: windows, heads that share keys and norms of q and k leave no trace of what else runs in a request's
// logits.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { REDUCTION_CLASSES } from '../../../src/gpu/reduction.ts';
import type { ModelRunner } from '../../../src/runtime/model-runner.ts';
import { type FuzzModel, llamaModels } from '../../fuzz/fuzz-models.ts';
import { kernelsOfTwoWindows } from '../../support/kernels/window-mutants.ts';
import { places, step, TestSequence } from '../../support/models/model-session.ts';

/** Most tokens of a sequence: over one split of 256 keys. */
const LONGEST = 300;
/** Ids that a request generates. */
const NUM_IDS = 4;

/** A windowed model whose three heads share one key head, and one with norms of q and k. */
const MODELS = ['mistral-window-24-f16-kv-f32', 'qwen3-f32-kv-f32'].map(
  (wanted) => llamaModels.find(({ name }) => name === wanted)!,
);

/** Texts of a model: the first is that of the request, the others have lengths on both sides of a block, a window and a split. */
function textsOf(model: FuzzModel): readonly (readonly number[])[] {
  const [text = [], other = []] = model.texts();
  const lengths = [3, 16, 33, 257, 1, 24, 71];
  return [text.slice(0, 262), ...lengths.map((length, i) => other.slice(10 * i, 10 * i + length))];
}

/** The request and as many others as are asked for, each in a place of its own; the request has the last one. */
function sequencesOf(runner: ModelRunner, model: FuzzModel, beside: number) {
  const [text = [], ...texts] = textsOf(model);
  const [last, ...rest] = places(runner, beside + 1, LONGEST, 7).toReversed();
  const others = rest.map((place, i) => new TestSequence(texts[i]!, place, { temperature: 1, seed: i }));
  return { request: new TestSequence(text, last!), others };
}

/** Runs the request to its end, with others that join one after another; `chunk` is the most tokens of each in a step. */
async function run(runner: ModelRunner, model: FuzzModel, beside = 0, chunk?: number): Promise<TestSequence> {
  const { request, others } = sequencesOf(runner, model, beside);
  for (let n = 0; request.ids.length < NUM_IDS; n++) {
    const joined = others.slice(0, n + 2).filter(({ ids }) => ids.length < NUM_IDS);
    await step(runner, [...joined.slice(0, 3), request, ...joined.slice(3)], chunk);
  }
  return request;
}

/** Runs the request with keys and values of its first tokens in blocks that another sequence has written. */
async function runCached(runner: ModelRunner, model: FuzzModel): Promise<TestSequence> {
  const [text = []] = textsOf(model);
  const { blockSize } = runner.limits;
  const [first, second] = places(runner, 2, LONGEST, 7);
  const numBlocks = Math.floor(200 / blockSize);
  const numCached = numBlocks * blockSize;
  await step(runner, [new TestSequence(text.slice(0, numCached + 1), first!)]);
  const blockTable = [...first!.blockTable.slice(0, numBlocks), ...second!.blockTable.slice(numBlocks)];
  const sequence = new TestSequence(text, { ...second!, blockTable });
  sequence.numComputedTokens = numCached;
  while (sequence.ids.length < NUM_IDS) await step(runner, [sequence]);
  return sequence;
}

/** Bytes of all logits. */
function bytesOf({ logits }: TestSequence): Buffer {
  return Buffer.concat(logits.map(({ buffer }) => Buffer.from(buffer)));
}

describe.each(REDUCTION_CLASSES)('in class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  describe.each(MODELS)('$name', (model) => {
    let runner: ModelRunner;
    let alone: TestSequence;
    beforeAll(async () => {
      runner = await model.open(device);
      alone = await run(runner, model);
    });
    afterAll(() => runner.close());

    test.each([
      ['in a batch of 2', 1],
      ['in a batch of 8', 7],
    ])('a request has the same logits alone and %s', async (_, beside) => {
      const batched = await run(runner, model, beside);
      expect(bytesOf(batched).equals(bytesOf(alone))).toBe(true);
      expect(batched.ids).toEqual(alone.ids);
    });

    test.each([
      [1, 0],
      [7, 2],
      [100, 1],
    ])(
      'a request has the same logits in one piece and in chunks of %d tokens beside %d others',
      async (chunk, beside) => {
        const chunked = await run(runner, model, beside, chunk);
        expect(bytesOf(chunked).equals(bytesOf(alone))).toBe(true);
        expect(chunked.ids).toEqual(alone.ids);
      },
    );

    test('a request has the same logits with its own keys and values and with those of another', async () => {
      const cached = await runCached(runner, model);
      expect(bytesOf(cached).equals(bytesOf(alone))).toBe(true);
      expect(cached.ids).toEqual(alone.ids);
    });
  });

  test('a key more in the window of a chunk than in that of a decoded token shows in a difference', async () => {
    const [model] = MODELS;
    await using runner = await model!.open(device, kernelsOfTwoWindows);
    const alone = await run(runner, model!);
    const chunked = await run(runner, model!, 0, 1);
    expect(bytesOf(chunked).equals(bytesOf(alone))).toBe(false);
  });
});
