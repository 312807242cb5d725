// Cost of constraints: kinds of requests in turns, the ratios of times that are known, and the script on a model.
import { describe, expect, test } from 'vitest';
import { constraintScript } from '../../bench/experiments/constraint-args.ts';
import { formatConstraintCosts, measureConstraints } from '../../bench/experiments/constraint-cost.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

test('the report has a row a kind, and the ratios of rounds', () => {
  const times = [false, true].flatMap((overlap) => [
    { overlap, isConstrained: false, rounds: [10, 20, 40] },
    { overlap, isConstrained: true, rounds: overlap ? [15, 30, 60] : [10.2, 20.2, 40.4] },
  ]);
  expect(formatConstraintCosts(times).split('\n')).toEqual([
    'free, overlap off         20.000 ms/step',
    'constrained, overlap off  20.200 ms/step',
    'free, overlap on          20.000 ms/step',
    'constrained, overlap on   30.000 ms/step',
    'masks on host and GPU: 1.010 × a free step',
    'masks and lost overlap: 1.500 × a free step',
  ]);
});

test('measuring runs every kind in each round, and masks the rows of constrained ones alone', async () => {
  const runner = new FakeRunner({ vocabSize: 70, maxBatchTokens: 128 });
  const tokenizer = await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const rounds: number[] = [];
  const times = await measureConstraints(
    { runner, tokenizer },
    { batch: 2, rounds: 2, signal, onRound: (round) => rounds.push(round) },
  );
  expect(rounds).toEqual([1, 1, 2]);
  expect(times.map((each) => each.rounds.length)).toEqual([2, 2, 2, 2]);
  const masked = runner.plans.flatMap(({ samplingRows }) => samplingRows.map(({ mask }) => mask));
  // Three rounds of twice two requests, with 12 ids each.
  expect(masked.filter((mask) => mask !== undefined)).toHaveLength(3 * 2 * 2 * 12);
  expect(new Set(masked.map((mask) => mask?.[2]))).toEqual(new Set([undefined, 0x15, 0x2a]));
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
      /^weights\/tales \(f16, KV f32\), decode steps of 2\n(?:.+ms\/step\n){4}masks on host and GPU: /,
    );
  });
});
