// Experiments of scheduling on a machine of known step times: their ratios are computed by hand.
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { SimulatedRunner } from '../../bench/common/simulated-runner.ts';
import { chunking } from '../../bench/experiments/chunking.ts';
import { formatClaim, holds } from '../../bench/experiments/claim.ts';
import type { Experiment } from '../../bench/experiments/experiment.ts';
import { overload } from '../../bench/experiments/overload.ts';
import { prefix } from '../../bench/experiments/prefix.ts';
import { VirtualClock } from '../../bench/simulation/virtual-clock.ts';
import type { BatchPlan } from '../../src/core/batch-plan.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const { signal } = new AbortController();
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

/** Milliseconds of a step on the simulated machine: 6, and 1 a token. */
const stepMs = ({ numTokens }: BatchPlan) => 6 + numTokens;

/** Runs an experiment on that machine. */
function measure({ maxBatchSize, run }: Experiment) {
  const sizes = { maxBatchTokens: 1024, maxModelLen: 1024, numBlocks: 1024, blockSize: 16, vocabSize: 8192 };
  const clock = new VirtualClock({ turns: 3 });
  const runner = new SimulatedRunner({ limits: { ...sizes, maxBatchSize }, clock, stepMs });
  return clock.run(run({ model: { runner, tokenizer }, clock, signal, onProgress: () => {} }));
}

const ratios = async (experiment: Experiment) => (await measure(experiment)).map(({ ratio }) => ratio);

describe('chunking', () => {
  test('finds the worst gap: the whole prompt against a step of the target', async () => {
    // Whole: 6 + 900 + 7 ms. A step of decoding takes 13 ms, so the target is 39 ms: 6 + 7 and 26 tokens, or one less.
    const [ratio] = await ratios(chunking);
    expect(ratio).toBeGreaterThan(36 / 913);
    expect(ratio).toBeLessThan(40 / 913);
  });
});

describe('prefix', () => {
  test('finds how much less is computed when the shared tokens are', async () => {
    // 16 · 520 tokens in 9 steps, as 1024 fit in one, against 512 + 16 · 8 tokens in 1.
    expect(await ratios(prefix)).toEqual([(16 * 520 + 9 * 6) / (512 + 16 * 8 + 6)]);
  });
});

describe('overload', () => {
  test('keeps its goodput with admission control, and loses most of it without', async () => {
    const claims = await measure(overload);
    expect(claims.map(holds)).toEqual([true, true]);
    const [controlled, uncontrolled] = claims.map(({ ratio }) => ratio);
    expect(controlled).toBeLessThan(1.2);
    expect(uncontrolled).toBeLessThan(0.3);
  });
});

describe.each([chunking, prefix, overload])('$name', (experiment) => {
  test('ends with the fault of a request, and no figure', async () => {
    const execute = SimulatedRunner.prototype.execute;
    vi.spyOn(SimulatedRunner.prototype, 'execute').mockImplementation(async function (this: SimulatedRunner, plan) {
      const result = await execute.call(this, plan);
      return { ...result, finite: result.finite.map(() => 0) };
    });
    await expect(measure(experiment)).rejects.toThrow(/^request .* failed: logits/);
    vi.restoreAllMocks();
  });
});

describe('a claim', () => {
  const claim = { title: 'a against b', details: ['a: 1', 'b: 8'], ratio: 1 / 8 };

  test('holds within its bound, which is in the text', () => {
    const atMost = { ...claim, bound: { atMost: 0.125 } };
    expect(holds(atMost)).toBe(true);
    expect(formatClaim(atMost)).toBe('a against b\n  a: 1\n  b: 8\n  ratio 0.125, expected at most 0.125: holds');
    expect(holds({ ...claim, bound: { atMost: 0.12 } })).toBe(false);
  });

  test('is missed beyond it, and without a number', () => {
    const atLeast = { ...claim, bound: { atLeast: 0.13 } };
    expect(holds(atLeast)).toBe(false);
    expect(formatClaim(atLeast)).toContain('ratio 0.125, expected at least 0.13: MISSED');
    expect(holds({ ...atLeast, ratio: null })).toBe(false);
    expect(formatClaim({ ...claim, bound: { atMost: 1 }, ratio: null })).toContain(
      'ratio -, expected at most 1: MISSED',
    );
  });
});
