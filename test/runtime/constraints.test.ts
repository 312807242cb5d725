// Constraints on a model: what is sampled is right by float64, the logits stay the model's, and no other request changes a bit.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { Device } from '../../src/gpu/device.ts';
import { REDUCTION_CLASSES } from '../../src/gpu/reduction.ts';
import { load } from '../../src/load.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { adjustLogits, gumbelSample } from '../../src/reference/sampling.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { delayed, maskOf, RandomAutomaton } from '../support/engine/random-automaton.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const TALES = 'weights/tales';
const [VOCAB, EOS] = [8192, 8191];
const text = Array.from(readSafetensors('test/fixtures/tales/golden.safetensors').get('long.ids')!);

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load(TALES);
});

/** Scores below 40 in size round by a few units of 2^-19, and what a temperature divides by as much again. */
const NARROW_GAP = 1e-4;

// Masks are the same in either class: in the other, npm test has them in random schedules of a model that compiles sooner.
for (const reduction of REDUCTION_CLASSES)
  describe(`in the class ${reduction}`, { tags: reduction === 'gpu' ? ['slow'] : [] }, () => {
    let device: Device;
    beforeAll(async () => {
      device = await Device.open({ reduction });
    });
    afterAll(() => device.close());

    const open = (numBlocks: number, kernels = modelKernels, blockSize = 16): Promise<ModelRunner> =>
      openRunner(device, TALES, { maxBatchSize: 6, maxModelLen: 160, numBlocks, blockSize, kernels });

    test('a step samples from masked logits, after penalties and minTokens, and leaves the raw ones as they are', async () => {
      await using runner = await open(60);
      const params: Partial<TestSequence['params']>[] = [
        {},
        { temperature: 1, seed: 3 },
        { temperature: 0.7, topK: 5, seed: 4 },
        { repetitionPenalty: 1.4, frequencyPenalty: 0.5 },
        { temperature: 1.2, topP: 0.9, seed: 5, logitBias: { 7: 4 }, presencePenalty: 1 },
        { minTokens: 9, stopTokenIds: [40, 41] },
      ];
      const sequences = places(runner, 6, 60).map(
        (place, i) => new TestSequence(text.slice(17 * i, 17 * i + 9 + i), place, { ...params[i], logprobs: 3 }),
      );
      let clear = 0;
      for (let n = 0; n < 10; n++) {
        const drawn = sequences.map((_, i) =>
          i === 1 && n % 2 === 1 ? null : new RandomAutomaton(10 * n + i, { vocabSize: VOCAB }).idsOf(1),
        );
        const ids = drawn.map((each, i) => (i === 5 && each ? [...new Set([...each, 40])] : each));
        for (const [i, sequence] of sequences.entries()) sequence.mask = ids[i] ? maskOf(VOCAB, ids[i]) : null;
        const { logprobs } = await step(runner, sequences);
        for (const [i, sequence] of sequences.entries()) {
          const { promptIds, logits, mask } = sequence;
          const id = sequence.ids[n]!;
          if (ids[i]) expect(ids[i]).toContain(id);
          const {
            temperature = 0,
            topK = 0,
            topP = 1,
            seed = 0,
            minTokens = 0,
            stopTokenIds = [],
            ...rest
          } = params[i]!;
          const raw = Float64Array.from(logits[n]!);
          const maskedIds = n < minTokens ? stopTokenIds : [];
          const outputIds = sequence.ids.slice(0, n);
          const adjusted = adjustLogits(raw, { ...rest, promptIds, outputIds, maskedIds, ...(mask && { mask }) });
          if (temperature === 0) {
            const [best = -1, second = -1] = [...adjusted.keys()].sort((a, b) => adjusted[b]! - adjusted[a]!);
            if (adjusted[best]! - adjusted[second]! >= NARROW_GAP) {
              expect(id, `sequence ${i}, step ${n}`).toBe(best);
              clear++;
            }
          } else if (topP === 1) {
            const filters = { temperature, topK, topP, minP: 0 };
            expect(id).toBe(gumbelSample(adjusted, filters, seed, promptIds.length + n));
          }
          // As of a request without a rule: by the logits before it.
          const want = logSoftmax(raw);
          const record = logprobs?.[i];
          for (const each of [record!, ...record!.top]) expect(each.logprob).toBeCloseTo(want[each.id]!, 4);
          expect(record?.top[0]?.id).toBe(raw.indexOf(Math.max(...raw)));
        }
      }
      expect(clear).toBeGreaterThan(20);
    });

    const requests: (GenerationRequest & { constraint?: RandomAutomaton })[] = Array.from({ length: 10 }, (_, i) => ({
      promptIds: text.slice(40 * i, 40 * i + 3 + 9 * (i % 7)),
      sampling: {
        ...(i % 2 === 0 ? { temperature: 0 } : { temperature: 1.1, topP: 0.9 }),
        ...(i % 4 === 3 && { frequencyPenalty: 0.7 }),
        seed: i,
        maxTokens: 8 + 2 * i,
        logprobs: i % 3,
        minTokens: i % 5,
      },
      ...(i % 3 > 0 && { constraint: new RandomAutomaton(i, { vocabSize: VOCAB, eosId: EOS }) }),
    }));

    async function run(runner: Runner, list: readonly GenerationRequest[], engine: Partial<EngineOptions> = {}) {
      await using running = new Engine({ runner, tokenizer, ...engine });
      return (await running.generateBatch(list)).map(({ ids, logprobs, finishReason, error }: FinishedRequest) => ({
        ...{ ids, logprobs, finishReason, error },
      }));
    }

    // Which row takes which mask is not the class's affair; its random schedules have masks, too.
    const tags = reduction === 'gpu' ? ['slow'] : [];

    test('constrained and free requests give the same ids and log-probabilities alone, batched, preempted and ahead', {
      tags,
    }, async () => {
      await using runner = await open(60);
      const alone = [];
      for (const request of requests) alone.push(...(await run(runner, [request], { overlap: false })));
      expect(alone.map(({ error }) => error)).toEqual(requests.map(() => null));
      // Each id is one that the rule allows there, and the eos is where the text ends.
      for (const [i, { constraint }] of requests.entries()) {
        const { ids, finishReason } = alone[i]!;
        if (constraint) for (const n of ids.keys()) expect(constraint.idsAfter(ids.slice(0, n))).toContain(ids[n]);
        expect(finishReason).toBe(ids.at(-1) === EOS ? 'stop' : 'length');
      }
      expect(await run(runner, requests, { scheduler: 'online' })).toEqual(alone);
      expect(await run(runner, requests, { scheduler: 'offline', overlap: false })).toEqual(alone);
      const late = requests.map((request) =>
        request.constraint ? { ...request, constraint: delayed(request.constraint, () => Promise.resolve()) } : request,
      );
      expect(await run(runner, late)).toEqual(alone);
      await using small = await open(22, modelKernels, 4);
      let numPreemptions = 0;
      const onFinish = ({ preemptions }: FinishedRequest) => {
        numPreemptions += preemptions;
      };
      expect(await run(small, requests, { observers: [{ onFinish }] })).toEqual(alone);
      expect(numPreemptions).toBeGreaterThan(0);
    });

    test('a free row that took a mask would show', { tags }, async () => {
      const greedy = mutant(modelKernels.maskLogits, [['if (mask != NO_MASK)', 'if (workgroup.y > 0u)']]);
      await using runner = await open(60, { ...modelKernels, maskLogits: greedy });
      const free = requests.filter(({ constraint }) => !constraint);
      const without = await run(runner, free);
      const beside = await run(runner, requests);
      expect(beside.filter((_, i) => !requests[i]?.constraint)).not.toEqual(without);
    });

    test('a mask of another length is refused', async () => {
      await using runner = await open(60);
      const [place] = places(runner, 1, 40);
      const sequence = new TestSequence([1, 2], place!);
      sequence.mask = new Uint32Array(255);
      await expect(step(runner, [sequence])).rejects.toThrow('words of a mask is 255, expected 256');
    });
  });

test('a rule of digits keeps texts, streams and answers of a loaded model to digits', async () => {
  await using llm = await load(TALES, { maxModelLen: 64, warmUp: false, tune: 'off' });
  const digits = [...Array(VOCAB).keys()].filter((id) =>
    /^[0-9]+$/.test(llm.tokenizer.decode([id], { skipSpecialTokens: false })),
  );
  const constraint = { start: () => null, allowed: () => maskOf(VOCAB, digits), accept: () => null };
  const request = { prompt: 'Once upon a time', constraint, sampling: { maxTokens: 6, seed: 2 } };
  const { text } = await llm.generate(request);
  expect(text).toMatch(/^[0-9]{6,}$/);
  let streamed = '';
  for await (const piece of llm.stream(request)) streamed += piece.text;
  expect(streamed).toBe(text);
  const [first, second] = await llm.generate([request, 'Once upon a time'], { maxTokens: 6, seed: 2 });
  expect(first?.text).toBe(text);
  expect(second?.text).not.toMatch(/^[0-9]+$/);
});
