// Steps that are profiled: their sizes by the limits of a runner, and that a runner takes them.
import { describe, expect, test } from 'vitest';
import { decodeStep, prefillStep } from '../../../bench/profile/step-plans.ts';
import { planBatch } from '../../../src/core/plan-batch.ts';
import type { ModelLimits } from '../../../src/core/runner.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';

const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
const GPT2 = {
  maxBatchSize: 8,
  maxBatchTokens: 1024,
  maxModelLen: 1024,
  numBlocks: 512,
  blockSize: 16,
  vocabSize: 50257,
};

const limitsOf = (limits: Partial<ModelLimits>): ModelLimits => ({ ...GPT2, ...limits });
const sizeOf = ({ sequences, queries, context }: ReturnType<typeof decodeStep>) => [sequences, queries, context];

describe('the steps that are profiled', () => {
  test.each([
    ['as large as the batch and 64 tokens', {}, [8, 1, 64], [1, 512, 512]],
    ['as long as the context', { maxModelLen: 40 }, [8, 1, 40], [1, 40, 40]],
    ['as large as a step may be', { maxBatchTokens: 100 }, [8, 1, 64], [1, 100, 100]],
    ['as long as the pool allows', { numBlocks: 9 }, [8, 1, 16], [1, 144, 144]],
    ['as many as the pool allows', { numBlocks: 3 }, [3, 1, 16], [1, 48, 48]],
    ['a single sequence', { maxBatchSize: 1 }, [1, 1, 64], [1, 512, 512]],
  ])('are %s', (_, limits, decode, prefill) => {
    expect(sizeOf(decodeStep(limitsOf(limits), sampling))).toEqual(decode);
    expect(sizeOf(prefillStep(limitsOf(limits), sampling))).toEqual(prefill);
  });

  test.each([{}, { maxModelLen: 2 }, { maxBatchTokens: 8 }, { numBlocks: 3 }, { numBlocks: 1, maxBatchSize: 2 }])(
    'fit a runner of %j, each token in a slot of its own',
    async (limits) => {
      const runner = new FakeRunner(limitsOf(limits));
      for (const step of [decodeStep(runner.limits, sampling), prefillStep(runner.limits, sampling)]) {
        const { plan } = planBatch(step.rows, runner.limits);
        const { ids } = await runner.execute(plan);
        expect(ids).toHaveLength(step.sequences);
        expect(plan.numTokens).toBe(step.sequences * step.queries);
        expect(plan.numDecodeTokens).toBe(step.kind === 'decode' ? step.sequences : 0);
        expect(plan.contextLens.every((length) => length === step.context)).toBe(true);
        expect(plan.tokenIds.every((id) => id >= 0 && id < runner.limits.vocabSize)).toBe(true);
        expect(new Set(plan.blockTables.filter((block) => block >= 0)).size).toBe(
          plan.blockTables.filter((block) => block >= 0).length,
        );
      }
    },
  );

  test('need room for a prompt of two tokens', () => {
    expect(() => prefillStep(limitsOf({ maxModelLen: 1 }), sampling)).toThrow(
      'room for a prompt is 1, expected at least 2 tokens, to profile a prefill step',
    );
  });
});
