// Penalties, biases, masks and log-probabilities on a model: right by float64, and the same bits whatever else runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runner } from '../../src/core/runner.ts';
import type { SamplingOptions } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { Device } from '../../src/gpu/device.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { adjustLogits } from '../../src/reference/sampling.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const TALES = 'weights/tales';
const text = Array.from(readSafetensors('test/fixtures/tales/golden.safetensors').get('long.ids')!);

let device: Device;
let tokenizer: Tokenizer;
beforeAll(async () => {
  device = await Device.open();
  tokenizer = await Tokenizer.load(TALES);
});
afterAll(() => device.close());

const open = (numBlocks: number, kernels = modelKernels, blockSize = 16): Promise<ModelRunner> =>
  openRunner(device, TALES, { maxBatchSize: 6, maxModelLen: 160, numBlocks, blockSize, kernels });

/** Adjusted logits of 30 or less round by a few units of 2^-19. */
const NARROW_GAP = 1e-4;

describe('a greedy step', () => {
  const penalties: Partial<TestSequence['params']>[] = [
    { repetitionPenalty: 1.4 },
    { repetitionPenalty: 0.7 },
    { presencePenalty: 2 },
    { frequencyPenalty: 1.5 },
    { frequencyPenalty: -1 },
    { logitBias: { 13: 30, 200: 29 }, frequencyPenalty: 1 },
    { logitBias: { 13: 100 }, minTokens: 5, stopTokenIds: [13] },
  ];

  test('takes the best of the adjusted logits, and leaves the raw ones as they are', async () => {
    await using runner = await open(60);
    const prompts = penalties.map((_, i) => text.slice(17 * i, 17 * i + 12 + i));
    let [clear, moved] = [0, 0];
    const batches = [penalties.slice(0, 4), penalties.slice(4)];
    for (const [b, batch] of batches.entries()) {
      const sequences = places(runner, batch.length + 1, 60).map(
        (place, i) => new TestSequence(prompts[4 * b + i] ?? prompts[0]!, place, { ...batch[i] }),
      );
      for (let n = 0; n < 16; n++) await step(runner, sequences);
      for (const [i, { promptIds, ids, logits }] of sequences.entries()) {
        const { minTokens = 0, stopTokenIds = [], ...rest } = batch[i] ?? {};
        for (const [n, id] of ids.entries()) {
          const maskedIds = n < minTokens ? stopTokenIds : [];
          const raw = Float64Array.from(logits[n]!);
          const adjusted = adjustLogits(raw, { ...rest, promptIds, outputIds: ids.slice(0, n), maskedIds });
          const [best = -1, second = -1] = [...adjusted.keys()].sort((a, c) => adjusted[c]! - adjusted[a]!);
          if (adjusted[best]! - adjusted[second]! < NARROW_GAP) continue;
          clear++;
          expect(id, `sequence ${i} of ${b}, step ${n}`).toBe(best);
          if (raw.indexOf(Math.max(...raw)) !== best) moved++;
        }
      }
    }
    expect(clear).toBeGreaterThan(120);
    // The penalties must have changed the text.
    expect(moved).toBeGreaterThan(30);
  });

  test('reports the log-probabilities of the raw logits, of the rows that asked', async () => {
    await using runner = await open(60);
    const counts = [5, null, 0, 20];
    const sequences = places(runner, 4, 40).map(
      (place, i) => new TestSequence(text.slice(i, 9 + i), place, { frequencyPenalty: 2, logprobs: counts[i] ?? null }),
    );
    for (let n = 0; n < 8; n++) {
      const { logprobs } = await step(runner, sequences);
      for (const [i, { ids, logits }] of sequences.entries()) {
        const [row, count] = [logprobs?.[i], counts[i]];
        if (row === null || row === undefined) {
          expect(count, `sequence ${i}`).toBe(null);
          continue;
        }
        const want = logSoftmax(Float64Array.from(logits[n]!));
        const order = [...want.keys()].sort((a, b) => logits[n]![b]! - logits[n]![a]!);
        expect(row.id).toBe(ids[n]);
        expect(row.top.map(({ id }) => id)).toEqual(order.slice(0, count ?? 0));
        for (const { id, logprob } of [row, ...row.top]) expect(logprob).toBeCloseTo(want[id]!, 4);
      }
    }
  });

  test('without any of it returns no log-probabilities', async () => {
    await using runner = await open(60);
    const [place] = places(runner, 1, 40);
    expect(await step(runner, [new TestSequence([1, 2], place!)])).not.toHaveProperty('logprobs');
  });
});

test('masked ids are not drawn at the highest temperature', async () => {
  await using runner = await openRunner(device, 'test/fixtures/models/odd', { maxBatchSize: 8 });
  const stopTokenIds = Array.from({ length: 16 }, (_, id) => id);
  const params = { temperature: 3e38, minTokens: 20, stopTokenIds };
  const sequences = places(runner, 8, 24).map((place, seed) => new TestSequence([3], place, { ...params, seed }));
  for (let n = 0; n < 20; n++) await step(runner, sequences);
  // 160 draws from 331 ids, 16 of them masked: all would miss those with a probability of 4e-4.
  expect(sequences.flatMap(({ ids }) => ids.filter((id) => id < 16))).toEqual([]);
  expect(new Set(sequences.flatMap(({ ids }) => ids)).size).toBeGreaterThan(80);
});

describe('requests with penalties', () => {
  const options: SamplingOptions[] = [
    { repetitionPenalty: 1.3, topP: 0.9 },
    { temperature: 0, frequencyPenalty: 0.8, presencePenalty: 0.3 },
    {},
    { repetitionPenalty: 1.1, logitBias: { 40: 3, 7: -100 }, temperature: 1.3 },
    { temperature: 0, minTokens: 12, presencePenalty: -1 },
    { temperature: 0 },
    { frequencyPenalty: 2, minP: 0.02 },
  ];
  const requests: GenerationRequest[] = options.map((sampling, i) => ({
    promptIds: text.slice(40 * i, 40 * i + 3 + 9 * i),
    sampling: { ...sampling, seed: i, maxTokens: 12 + 2 * i, logprobs: i === 5 ? null : i },
  }));

  async function run(runner: Runner, list: readonly GenerationRequest[], engine: Partial<EngineOptions> = {}) {
    await using running = new Engine({ runner, tokenizer, ...engine });
    return (await running.generateBatch(list)).map(({ ids, logprobs }: FinishedRequest) => ({ ids, logprobs }));
  }

  test('give the same ids and log-probabilities alone, batched, preempted, ahead of their ids or not', async () => {
    await using runner = await open(60);
    const alone = [];
    for (const request of requests) alone.push(...(await run(runner, [request], { overlap: false })));
    expect(await run(runner, requests, { scheduler: 'online', overlap: true })).toEqual(alone);
    expect(await run(runner, requests, { scheduler: 'offline', overlap: false })).toEqual(alone);
    // 22 blocks hold one of the longest sequences, and not two.
    await using small = await open(22, modelKernels, 4);
    let numPreemptions = 0;
    const onFinish = ({ preemptions }: FinishedRequest) => {
      numPreemptions += preemptions;
    };
    expect(await run(small, requests, { scheduler: 'online', observers: [{ onFinish }] })).toEqual(alone);
    expect(numPreemptions).toBeGreaterThan(0);
  });

  test('would not without the newest id, which is on the GPU only', async () => {
    const forgetful = mutant(modelKernels.adjustLogits, [
      ['var newest = NO_ID;\n  if (', 'var newest = NO_ID;\n  if (false && '],
    ]);
    await using runner = await open(60, { ...modelKernels, adjustLogits: forgetful });
    // The bias makes token 13 follow itself until its count outweighs the bias.
    const sampling = { temperature: 0, logitBias: { 13: 12 }, frequencyPenalty: 2, maxTokens: 12 };
    const penalized = [{ promptIds: text.slice(0, 9), sampling }];
    const inTurn = await run(runner, penalized, { overlap: false });
    expect(await run(runner, penalized, { overlap: true })).not.toEqual(inTurn);
  });

  test('leave requests without them as they are', async () => {
    await using runner = await open(60);
    const plain = requests.filter((_, i) => i === 2 || i === 5);
    const beside = await run(runner, requests);
    const without = await run(
      runner,
      plain.map((request) => ({ ...request, sampling: { ...request.sampling, logprobs: null } })),
    );
    expect(without.map(({ ids }) => ids)).toEqual([beside[2]?.ids, beside[5]?.ids]);
  });
});
