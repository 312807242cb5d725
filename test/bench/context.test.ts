// Cost of context: the fit on points of a known line, and the table for a model.
import { describe, expect, test } from 'vitest';
import { contextScript } from '../../bench/experiments/context-args.ts';
import { contextLengths, fitLine, formatContextCosts, measureContexts } from '../../bench/experiments/context-cost.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

const costs = [32, 500, 1000].map((context) => ({ context, milliseconds: 20 + 0.01 * context }));

test('the fit finds a line, and its residual a point beside it', () => {
  const line = fitLine(costs);
  expect(line.fixed).toBeCloseTo(20, 9);
  expect(line.perToken).toBeCloseTo(0.01, 9);
  expect(line.worstResidual).toBeCloseTo(0, 9);
  const step = costs.map((cost, index) => (index === 1 ? { ...cost, milliseconds: 30 } : cost));
  expect(fitLine(step).worstResidual).toBeGreaterThan(0.1);
});

test('the report has a line a length and the longest against the shortest', () => {
  const text = formatContextCosts(costs, fitLine(costs));
  expect(text.split('\n')).toHaveLength(1 + costs.length + 2);
  expect(text).toContain('line: 20.000 ms + 10.000 ms per 1,000 tokens, worst residual 0.0 %');
  expect(text).toContain('longest / shortest: 1.48');
});

test('the report has a dash where there is nothing to divide by', () => {
  const instant = costs.map((cost) => ({ ...cost, milliseconds: 0 }));
  const text = formatContextCosts(instant, fitLine(instant));
  expect(text).toContain('worst residual -\nlongest / shortest: -');
});

test('lengths are those that the context holds, and too few are refused', () => {
  expect(Math.max(...contextLengths({ maxModelLen: 1024 }))).toBe(1000);
  expect(contextLengths({ maxModelLen: 300 })).toEqual([32, 64, 128, 256, 257]);
  expect(() => contextLengths({ maxModelLen: 100 })).toThrow('maxModelLen is 100, expected room for 32, 64, 128');
});

test('measuring decodes after every length in every round, and computes a prefix once', async () => {
  const runner = new FakeRunner({ maxBatchSize: 1, maxModelLen: 600, maxBatchTokens: 600, numBlocks: 200 });
  const tokenizer = await Tokenizer.load('weights/tales');
  const rounds: number[] = [];
  const promptIds = Array.from({ length: 512 }, (_, index) => index % 60);
  const measured = await measureContexts(
    { runner, tokenizer },
    {
      promptIds,
      lengths: [64, 256, 512],
      rounds: 2,
      signal: new AbortController().signal,
      onRound: (round) => rounds.push(round),
    },
  );
  expect(measured.map(({ context }) => context)).toEqual([68.5, 260.5, 516.5]);
  expect(measured.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
  expect(rounds).toEqual([1, 1, 2]);
  const prefills = runner.plans.filter(({ numTokens }) => numTokens > 1).reduce((sum, plan) => sum + plan.numTokens, 0);
  expect(prefills).toBeLessThan(512 + 3 * 3 * 8);
});

test('measuring ends with the fault of a request, and no figure', async () => {
  const runner = new FakeRunner({ maxBatchSize: 1, maxModelLen: 600, maxBatchTokens: 600, numBlocks: 200 });
  runner.isBroken = () => true;
  const tokenizer = await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const options = { promptIds: [1, 2, 3, 4], lengths: [2, 3, 4], rounds: 1, signal, onRound: () => {} };
  await expect(measureContexts({ runner, tokenizer }, options)).rejects.toThrow(/^request 0 of 1 failed: logits/);
});

describe('node bench/context.ts', () => {
  test.each([
    ['--rounds 0', '--rounds is 0, expected an integer from 1 to 2147483647'],
    ['stray', 'stray word "stray", expected flags that --help lists'],
  ])('refuses %s', (line, message) => {
    expect(() => readCommandLine(contextScript, line.split(' '))).toThrow(message);
  });

  test('prints a table for a model', () => {
    const { status, stdout, stderr } = runNode(['bench/context.ts', '--model', 'weights/tales', '--rounds', '1']);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(/^weights\/tales \(f16, KV f32\)\ncontext +ms\/token +line\n/);
    expect(stdout).toMatch(/longest \/ shortest: [\d.]+\n$/);
  });
});
