// Goldens of a model: how near the logits of a right f32 engine are, and a greedy continuation with the gaps of its choices.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { logSoftmax } from '../../../src/reference/operators.ts';
import type { ModelRunner } from '../../../src/runtime/model-runner.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { logitsOfAll, openRunner, places, step, TestSequence } from './model-session.ts';

/**
 * Tolerance that the fixtures state for a correct f32 engine: 2e-4 · (1 + max |logit|), here with the largest golden
 * logit.
 */
export function tolerance(golden: Float64Array): { abs: number } {
  return { abs: 2e-4 * (1 + golden.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0)) };
}
/** A step may choose another id only where the two best logits are nearer than this (fixtures' README). */
const NARROW_GAP = 1e-3;

/** Greedy continuation of a prompt. */
export interface Greedy {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
  readonly gap: readonly number[];
  readonly logprob: readonly number[];
}

/**
 * Continues the prompt token by token; past a narrow gap the golden may have gone another way. Returns the number of tokens
 * that were compared.
 */
export async function expectGreedy(
  runner: ModelRunner,
  { prompt, completion, gap, logprob }: Greedy,
  label: string,
): Promise<number> {
  const [place] = places(runner, 1, prompt.length + completion.length);
  const sequence = new TestSequence(prompt, place!);
  while (sequence.ids.length < completion.length) await step(runner, [sequence]);
  const narrow = gap.findIndex((difference) => difference < NARROW_GAP);
  const comparable = narrow < 0 ? completion.length : narrow;
  expect(sequence.ids.slice(0, comparable), label).toEqual(completion.slice(0, comparable));
  const logprobs = sequence.logits
    .slice(0, comparable)
    .map((logits, i) => logSoftmax(Float64Array.from(logits))[completion[i]!]!);
  // A logprob is a logit minus a mean of logits: twice a logit's tolerance, with logits of at most 30.
  assertPasses(
    compareWithin(logprobs, logprob.slice(0, comparable), { abs: 2 * 2e-4 * 31 }, { label: `${label} logprob` }),
  );
  return comparable;
}

/** Returns the numbers of a golden's prompts. */
export function promptsOf(golden: ReadonlyMap<string, Float64Array>): string[] {
  return [...golden.keys()].filter((key) => key.startsWith('ids.')).map((key) => key.slice(4));
}

/** Expects the golden logits of every prompt of a fixture, at every position, from a runner on a device. */
export async function expectGoldenLogits(
  device: Device,
  directory: string,
  golden: ReadonlyMap<string, Float64Array>,
): Promise<void> {
  const prompts = promptsOf(golden);
  const longest = Math.max(...prompts.map((i) => golden.get(`ids.${i}`)!.length));
  await using runner = await openRunner(device, directory, { maxBatchSize: 1, maxLogitsRows: longest });
  expect(prompts.length).toBeGreaterThan(1);
  for (const i of prompts) {
    const want = golden.get(`logits.${i}`)!;
    const got = await logitsOfAll(runner, golden.get(`ids.${i}`)!);
    assertPasses(compareWithin(got, want, tolerance(want), { label: `${directory} logits ${i}` }));
  }
}

/** Devices that every fixture has its golden logits on. */
export const GOLDEN_DEVICES = [
  { features: 'auto', reduction: 'software' },
  { features: 'base', reduction: 'software' },
  { features: 'auto', reduction: 'gpu' },
] as const;
