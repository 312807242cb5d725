// Cost of constraints: kinds of requests in turns, the ratios of times that are known, and the script on a model.
import { describe, expect, test } from 'vitest';
import { withExecute } from '../../bench/common/with-execute.ts';
import { constraintScript } from '../../bench/experiments/constraint-args.ts';
import { formatConstraintCosts, measureConstraints } from '../../bench/experiments/constraint-cost.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

test('the report has a row a kind, the parts of a mask, and the ratios of rounds', () => {
  const kinds = [false, true].flatMap((overlap) => [
    { overlap, isConstrained: false, steps: [10, 20, 40], host: overlap ? [] : [0.5, 0.6, 0.7] },
    {
      ...{ overlap, isConstrained: true },
      ...{ steps: overlap ? [15, 30, 60] : [10.2, 20.2, 40.4], host: overlap ? [] : [0.6, 0.75, 0.9] },
    },
  ]);
  const lines = [
    'free, overlap off         20.000 ms/step, 0.600 of the thread between them',
    'constrained, overlap off  20.200 ms/step, 0.750 of the thread between them',
    'free, overlap on          20.000 ms/step',
    'constrained, overlap on   30.000 ms/step',
    'masks on the host 0.150 ms, on the GPU 0.250 ms: together 2.00 % of a free step',
    'masks, as steps differ: 1.010 × a free step',
    'masks and lost overlap: 1.500 × a free step',
  ];
  expect(formatConstraintCosts({ kinds, kernel: [0.1, 0.25, 0.5] }).split('\n')).toEqual(lines);
  lines[4] = 'masks on the host 0.150 ms, on the GPU - ms: together - of a free step';
  expect(formatConstraintCosts({ kinds, kernel: [] }).split('\n')).toEqual(lines);
});

test('measuring runs every kind in each round, and masks the rows of constrained ones alone', async () => {
  const runner = new FakeRunner({ vocabSize: 70, maxBatchTokens: 128 });
  const tokenizer = await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const rounds: number[] = [];
  const { kinds, kernel } = await measureConstraints(
    { runner, tokenizer },
    { batch: 2, rounds: 2, signal, onRound: (round) => rounds.push(round) },
  );
  expect(rounds).toEqual([1, 1, 2]);
  expect(kinds.map(({ steps, host }) => [steps.length, host.length])).toEqual(
    [2, 2, 0, 0].map((numHost) => [2, numHost]),
  );
  expect(kernel).toEqual([]);
  const masked = runner.plans.flatMap(({ samplingRows }) => samplingRows.map(({ mask }) => mask));
  // Three rounds of three times two requests, with 12 ids each.
  expect(masked.filter((mask) => mask !== undefined)).toHaveLength(3 * 3 * 2 * 12);
  expect(new Set(masked.map((mask) => mask?.[2]))).toEqual(new Set([undefined, 0x15, 0x2a]));
});

test('the time of the masks is that of their kernel in the steps that decode', async () => {
  const fake = new FakeRunner({ vocabSize: 70, maxBatchTokens: 128 });
  const kernelOf = (label: string, nanoseconds: number) => ({ label, nanoseconds, start: 0, dims: {}, cost: null });
  const runner = withExecute(fake, async (plan, { timed } = {}) => {
    const kernels = [kernelOf('matmul', 5e6), kernelOf('mask_logits LANES=8', plan.numTokens > 2 ? 9e6 : 2e6)];
    const result = await fake.execute(plan);
    return timed === 'kernels' ? { ...result, times: { start: 0, nanoseconds: 7e6, kernels } } : result;
  });
  const tokenizer = await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const options = { batch: 2, rounds: 1, signal, onRound: () => {} };
  expect((await measureConstraints({ runner, tokenizer }, options)).kernel).toEqual([2]);
});

test('measuring ends with the fault of a request, and no figure', async () => {
  const runner = new FakeRunner({ maxBatchTokens: 128 });
  runner.isBroken = () => true;
  const tokenizer = await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const options = { batch: 1, rounds: 1, signal, onRound: () => {} };
  await expect(measureConstraints({ runner, tokenizer }, options)).rejects.toThrow(/^request 0 of 1 failed: logits/);
});

describe('node bench/constraints.ts', () => {
  test('refuses a batch of none', () => {
    expect(() => readCommandLine(constraintScript, ['--batch', '0'])).toThrow(
      '--batch is 0, expected an integer from 1',
    );
  });

  test('prints its figures for a model', () => {
    const { status, stdout, stderr } = runNode([
      ...['bench/constraints.ts', '--model', 'weights/tales', '--rounds', '1', '--batch', '2'],
    ]);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(
      /^weights\/tales \(f16, KV f32\), decode steps of 2\n(?:.+ms\/step.*\n){4}masks on the host .* ms, on the GPU \d.* ms: together .*\nmasks, as steps differ: /,
    );
  });
});
