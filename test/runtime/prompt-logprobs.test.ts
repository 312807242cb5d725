// Log-probabilities of prompts on a GPU: the bits of `scoreTokens`, whatever chunks, batches and preemptions make of a prompt.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import { Device } from '../../src/gpu/device.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { readModel } from '../../src/models/registry.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { TextModel } from '../../src/research/text-model.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import '../../src/testing/vitest.ts';
import { openRunner } from '../support/models/model-session.ts';

const MODEL = 'test/fixtures/models/mistral';
const text = (seed: number, length: number) => Array.from({ length }, (_, i) => (seed + 7 * i * i + 3 * i) % 300);
/** Prompts across a split of 256 keys, short ones, and one of two ids. */
const prompts = [text(1, 271), text(2, 43), text(3, 2), text(4, 65)];
const sampling = { maxTokens: 3, seed: 1 };

/** Bits of the scores of a response. */
function bitsOf({ promptLogprobs }: FinishedRequest): Uint32Array {
  const scores = promptLogprobs?.slice(1) ?? [];
  return new Uint32Array(Float32Array.from(scores, (each) => each?.logprob ?? 0).buffer);
}

/** A runner with tighter limits. */
function within(runner: Runner, limits: Partial<ModelLimits>): Runner {
  const { eosIds } = runner;
  return {
    limits: { ...runner.limits, ...limits },
    eosIds,
    execute: (plan) => runner.execute(plan),
    close: async () => {},
  };
}

describe.each(['software', 'gpu'] as const)('in the class %s, scores of prompts', (reduction) => {
  let device: Device;
  let model: TextModel;
  let runner: ModelRunner;
  /** Bits of `scoreTokens`. */
  let want: Uint32Array[];
  beforeAll(async () => {
    device = await Device.open({ reduction });
    const definition = await readModel(MODEL);
    await using source = await openCheckpoint(MODEL, definition);
    model = await TextModel.open(device, definition, source);
    // Chunks of five rows, not a power of two.
    const sizes = { maxModelLen: 280, maxBatchTokens: 280, maxBatchSize: 4, maxLogitsRows: 5 };
    runner = await openRunner(device, MODEL, sizes);
    want = [];
    for (const ids of prompts) want.push(new Uint32Array((await model.scoreTokens(ids)).buffer));
  });
  afterAll(async () => {
    await runner.close();
    model.close();
    device.close();
  });

  test('have the bits of scoreTokens, alone and in batches, whole and in chunks, computed once or again', async () => {
    const settings: Partial<ModelLimits>[] = [
      {},
      { maxBatchTokens: 4, maxBatchSize: 4 },
      { maxBatchTokens: 37, maxBatchSize: 3 },
      // Blocks for the longest alone: the others are preempted while it decodes, or wait.
      { maxBatchTokens: 64, numBlocks: 18 },
    ];
    for (const limits of settings) {
      await using engine = new Engine({ runner: within(runner, limits) });
      const requests = prompts.map((promptIds) => ({ promptIds, sampling, promptLogprobs: 0 }));
      const responses = await engine.generateBatch(requests.toReversed());
      for (const [i, response] of responses.toReversed().entries()) {
        expect(bitsOf(response), `${JSON.stringify(limits)}, prompt ${i}`).toEqual(want[i]);
      }
    }
    await using engine = new Engine({ runner });
    for (const [i, promptIds] of prompts.entries()) {
      const scored = await engine.generate({ promptIds, promptLogprobs: 0, sampling: { maxTokens: 0 } });
      expect(bitsOf(scored), `alone, prompt ${i}`).toEqual(want[i]);
    }
  });

  test('list the most likely ids by the logits', async () => {
    await using engine = new Engine({ runner });
    const [promptIds] = prompts;
    const { promptLogprobs } = await engine.generate({ promptIds, promptLogprobs: 3, sampling: { maxTokens: 0 } });
    const scores = promptLogprobs?.slice(1) ?? [];
    expect(scores.map((each) => each?.id)).toEqual(promptIds!.slice(1));
    const { logits } = await model.forward(promptIds!);
    using owned = logits;
    const values = await owned.readF32();
    const { vocabSize: V } = model.config;
    for (const [t, score] of scores.entries()) {
      const row = values.subarray(t * V, (t + 1) * V);
      const best = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, 3);
      const logs = logSoftmax(Float64Array.from(row));
      expect(score?.top.map(({ id }) => id)).toEqual(best);
      // See LOGPROB_ERROR of the kernel.
      const got = Float32Array.from(score?.top ?? [], ({ logprob }) => logprob);
      expect(got).toBeWithin(
        Float32Array.from(best, (id) => logs[id]!),
        { abs: 1e-5 },
        { label: `row ${t}` },
      );
    }
  });
});
