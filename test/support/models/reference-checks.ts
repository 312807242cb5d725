// Checks of the oracles, alike for every architecture: their goldens, extending in chunks, the rows of logits, and refusals.
import { expect } from 'vitest';
import type { ForwardOptions, ReferenceOutput } from '../../../src/reference/model.ts';
import { argmax, logSoftmax } from '../../../src/reference/operators.ts';
import type { Tolerance } from '../../../src/testing/index.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { type Greedy, promptsOf } from './golden.ts';

/** Oracle of any architecture. */
interface Oracle<S extends { readonly length: number }> {
  readonly config: { readonly numLayers: number; readonly vocabSize: number; readonly numPositions: number };
  createState(): S;
  forward(ids: ArrayLike<number>, options?: ForwardOptions): ReferenceOutput;
  extend(state: S, ids: ArrayLike<number>, options?: ForwardOptions): ReferenceOutput;
}

/** Oracle that forgets a sequence after it. */
type Forward = Pick<Oracle<never>, 'config' | 'forward'>;

/** Expects the golden logits at every position of each prompt. */
export function expectReferenceLogits(
  model: Forward,
  golden: ReadonlyMap<string, Float64Array>,
  tolerance: Tolerance,
  label: string,
): void {
  const prompts = promptsOf(golden);
  expect(prompts.length).toBeGreaterThan(1);
  for (const i of prompts) {
    const { logits } = model.forward(golden.get(`ids.${i}`)!);
    assertPasses(compareWithin(logits, golden.get(`logits.${i}`)!, tolerance, { label: `${label} logits ${i}` }));
  }
}

/** Expects the golden hidden states of prompt 1: the residual stream that enters each layer, and the output of the final norm. */
export function expectReferenceHidden(
  model: Forward,
  golden: ReadonlyMap<string, Float64Array>,
  tolerance: Tolerance,
  label: string,
): void {
  const { hidden } = model.forward(golden.get('ids.1')!, { logitsRows: [] });
  expect(hidden.length).toBe(model.config.numLayers + 1);
  for (const [l, state] of hidden.entries()) {
    assertPasses(compareWithin(state, golden.get(`hidden.1.${l}`)!, tolerance, { label: `${label} hidden ${l}` }));
  }
}

/** Continues the prompt token by token and compares ids, gaps between the two best logits, and logprobs. */
export function expectReferenceGreedy<S extends { readonly length: number }>(
  model: Oracle<S>,
  { prompt, completion, gap, logprob }: Greedy,
  tolerance: Tolerance,
  label: string,
): void {
  const state = model.createState();
  const ids: number[] = [];
  const gaps: number[] = [];
  const logprobs: number[] = [];
  let next: ArrayLike<number> = prompt;
  while (ids.length < completion.length) {
    const { logits } = model.extend(state, next, { logitsRows: [next.length - 1] });
    const id = argmax(logits);
    const others = logits.map((logit, other) => (other === id ? Number.NEGATIVE_INFINITY : logit));
    ids.push(id);
    gaps.push(logits[id]! - logits[argmax(others)]!);
    logprobs.push(logSoftmax(logits)[id]!);
    next = [id];
  }
  expect(ids, label).toEqual(completion);
  assertPasses(compareWithin(gaps, gap, tolerance, { label: `${label} gap` }));
  assertPasses(compareWithin(logprobs, logprob, tolerance, { label: `${label} logprob` }));
}

/** Expects chunks of ids to have the bits of one forward pass over all. @param ends first position after each chunk. */
export function expectSameInChunks<S extends { readonly length: number }>(
  model: Oracle<S>,
  ids: Float64Array,
  ends: readonly number[],
): void {
  const whole = model.forward(ids);
  const state = model.createState();
  const parts = ends.map((end, i) => model.extend(state, ids.subarray(ends[i - 1] ?? 0, end)));
  expect(state.length).toBe(ids.length);
  expect(parts.flatMap(({ logits }) => [...logits])).toEqual([...whole.logits]);
  for (const [l, hidden] of whole.hidden.entries()) {
    expect(parts.flatMap((part) => [...part.hidden[l]!])).toEqual([...hidden]);
  }
}

/** Expects `logitsRows` to pick rows of the full logits, and to refuse one after the last. */
export function expectPickedRows(model: Forward, ids: ArrayLike<number>): void {
  const V = model.config.vocabSize;
  const whole = model.forward(ids).logits;
  const { logits } = model.forward(ids, { logitsRows: [16, 3] });
  expect(logits).toEqual(Float64Array.of(...whole.subarray(16 * V, 17 * V), ...whole.subarray(3 * V, 4 * V)));
  const T = ids.length;
  expect(() => model.forward(ids, { logitsRows: [T] })).toThrow(
    `logitsRows[0] is ${T}, expected an integer in [0, ${T})`,
  );
}

/**
 * Expects ids outside the vocabulary, rows after the last and tokens beyond the context to be refused, and the state to stay
 * usable.
 */
export function expectUsableAfterRefusals<S extends { readonly length: number }>(
  model: Oracle<S>,
  ids: Float64Array,
): void {
  const { vocabSize: V, numPositions } = model.config;
  const T = ids.length;
  const state = model.createState();
  model.extend(state, ids);
  expect(() => model.extend(state, [5, V])).toThrow(`ids[1] is ${V}, expected an integer in [0, ${V})`);
  expect(() => model.extend(state, [5], { logitsRows: [1] })).toThrow('logitsRows[0] is 1');
  expect(() => model.extend(state, new Int32Array(numPositions))).toThrow(
    `sequence length is ${numPositions + T}, expected at most ${numPositions}`,
  );
  const whole = model.forward([...ids, 5], { logitsRows: [T] });
  expect(model.extend(state, [5]).logits).toEqual(whole.logits);
}
