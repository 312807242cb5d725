// Bit equality: a request's logits are the same u32 words whatever else runs, and so are its ids.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import type { ModelRunner, ModelRunnerOptions } from '../../src/runtime/model-runner.ts';
import type { RunnerOptions } from '../../src/runtime/runtime-sizes.ts';
import { matmulOfOtherOrder } from '../support/kernels/matmul-mutants.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { logitsOfAll, openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const TALES = 'weights/tales';
const LONGEST = 560;
const golden = readSafetensors('test/fixtures/tales/golden.safetensors');
const text = Array.from(golden.get('long.ids')!);

/** The other sequences of a batch: other texts, with lengths on both sides of a block, a key tile and a split. */
function others(runner: ModelRunner, count: number): TestSequence[] {
  const lengths = [3, 120, 16, 33, 257, 1, 64, 17, 5, 40, 31, 8, 2, 90, 12, 48];
  return places(runner, count, LONGEST, 7).map((place, i) => {
    const from = 10 * i;
    return new TestSequence(text.slice(from, from + lengths[i % lengths.length]!), place, { temperature: 1, seed: i });
  });
}

/** Logits of `numTokens` steps of the prompt, with `beside` others that join at different steps. */
async function generate(runner: ModelRunner, prompt: readonly number[], numTokens: number, beside = 0) {
  const sequences = others(runner, beside + 1);
  const place = sequences[beside]!;
  // The request under test has the last token slot, so that its place follows the batch size.
  const request = new TestSequence(prompt, place);
  for (let n = 0; n < numTokens; n++) {
    const joined = sequences.slice(0, beside).filter((_, i) => i % 3 <= n);
    await step(runner, [...joined.slice(0, 4), request, ...joined.slice(4)]);
  }
  return request;
}

/** Index of the first step whose logits differ in a bit, or −1. */
function firstDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  expect(a.length).toBe(b.length);
  return a.findIndex((logits, i) => Buffer.compare(Buffer.from(logits.buffer), Buffer.from(b[i]!.buffer)) !== 0);
}

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

function open(options: RunnerOptions & Pick<ModelRunnerOptions, 'kernels'>): Promise<ModelRunner> {
  const sizes = { maxBatchSize: 17, maxModelLen: 600, maxBatchTokens: 1200, maxLogitsRows: LONGEST };
  return openRunner(device, TALES, { ...sizes, ...options });
}

const prompt = text.slice(300, 340);

/** Storages: random schedules have others, of a small model, in npm test, too. */
const STORAGES = [
  { dtype: 'f16', kvDtype: 'f32', tags: [] },
  { dtype: 'f32', kvDtype: 'f16', tags: ['slow'] },
  { dtype: 'q8', kvDtype: 'f32', tags: ['slow'] },
] as const;

for (const { tags, ...storage } of STORAGES)
  describe(`tales with ${storage.dtype} weights and ${storage.kvDtype} keys and values`, { tags: [...tags] }, () => {
    // One for all tests: what an earlier one has left in the cache changes no bit either.
    let runner: ModelRunner;
    const long = text.slice(0, 290);
    let whole: TestSequence;
    beforeAll(async () => {
      runner = await open(storage);
      whole = await generate(runner, long, 4);
    });
    afterAll(() => runner.close());

    test('the same request alone and in batches of 2, 5, 8 and 17, in other slots and blocks, has the same logits', async () => {
      const alone = await generate(runner, prompt, 8);
      for (const batch of [2, 5, 8, 17]) {
        const batched = await generate(runner, prompt, 8, batch - 1);
        expect(firstDifference(alone.logits, batched.logits), `batch of ${batch}`).toBe(-1);
        expect(batched.ids).toEqual(alone.ids);
      }
    });

    test('a preemption beyond 256 tokens leaves the logits as they were', async () => {
      const prompt = text.slice(0, 250);
      const alone = await generate(runner, prompt, 16);
      const [place] = places(runner, 1, LONGEST, 3);
      const preempted = new TestSequence(prompt, place!);
      for (let n = 0; n < 16; n++) {
        if (n === 5 || n === 13) preempted.preempt();
        await step(runner, [preempted]);
      }
      expect(firstDifference(alone.logits, preempted.logits)).toBe(-1);
      expect(preempted.ids).toEqual(alone.ids);
    });

    // Chunks of one token begin where the second split of 256 keys is near: before it they are as decodes are.
    test.each([
      { chunk: 1, from: 240 },
      { chunk: 7, from: 0 },
      { chunk: 32, from: 0 },
      { chunk: 100, from: 0 },
    ])(
      'a prompt of 290 tokens in chunks of $chunk from token $from on has the same logits as in one piece',
      async ({ chunk, from }) => {
        const [place, other] = places(runner, 2, LONGEST, 3);
        const chunked = new TestSequence(long, place!);
        const beside = new TestSequence(text.slice(40, 57), other!);
        if (from > 0) await step(runner, [chunked], from);
        while (chunked.ids.length < 4) await step(runner, [beside, chunked], chunk);
        expect(firstDifference(whole.logits, chunked.logits)).toBe(-1);
        expect(chunked.ids).toEqual(whole.ids);
      },
    );

    test('a context over 520 tokens has the same logits decoded and prefilled', async () => {
      expect(await decodedAgainstPrefilled(runner)).toBe(-1);
    });
  });

/** Decodes 20 tokens after the first `count` one by one and computes them all at once. */
async function decodedAgainstPrefilled(runner: ModelRunner, count = 503): Promise<number> {
  const decoded = await generate(runner, text.slice(0, count), 20);
  const whole = await logitsOfAll(runner, [...decoded.promptIds, ...decoded.ids.slice(0, -1)]);
  const { vocabSize: V } = runner.limits;
  const rows = decoded.logits.map((_, i) => whole.slice((count - 1 + i) * V, (count + i) * V));
  return firstDifference(decoded.logits, rows);
}

describe('a fault of each kind makes these tests fail', () => {
  test('another order of k at M = 1', async () => {
    await using runner = await open({ kernels: { ...modelKernels, matmul: matmulOfOtherOrder('ROWS == 1') } });
    const alone = await generate(runner, prompt, 4);
    const batched = await generate(runner, prompt, 4, 4);
    expect(firstDifference(alone.logits, batched.logits)).toBeGreaterThanOrEqual(0);
  });

  test('a prefill with key tiles of 64', async () => {
    const wide = mutant(modelKernels.attention, [
      ['const KEYS = constants::KEYS;', 'const KEYS = select(constants::KEYS, 64, constants::ROWS > 1);'],
      [
        'const KEYS_PER_LANE = (constants::KEYS + constants::LANES - 1) / constants::LANES;',
        'const KEYS_PER_LANE = (KEYS + constants::LANES - 1) / constants::LANES;',
      ],
    ]);
    await using runner = await open({ kernels: { ...modelKernels, attention: wide } });
    expect(await decodedAgainstPrefilled(runner, 90)).toBeGreaterThanOrEqual(0);
  });

  test('a merge by the global maximum', async () => {
    const maximum =
      'for (var z = first; z < end; z++) { folded.x = max(folded.x, partials[(row + z) * (params.D + 2u)]); }';
    const global = mutant(modelKernels.attentionFold, [['var folded = NOTHING;', `var folded = NOTHING; ${maximum}`]]);
    await using runner = await open({ kernels: { ...modelKernels, attentionFold: global } });
    expect(await decodedAgainstPrefilled(runner)).toBeGreaterThanOrEqual(0);
  });
});
