// Greedy continuations of goldens by an oracle.
import { expect } from 'vitest';
import type { ForwardOptions, ReferenceOutput } from '../../../src/reference/model.ts';
import { argmax, logSoftmax } from '../../../src/reference/operators.ts';
import { expectClose } from '../approx.ts';
import type { Greedy } from './golden.ts';

/** Oracle of any architecture. */
interface Oracle<S> {
  createState(): S;
  extend(state: S, ids: ArrayLike<number>, options: ForwardOptions): ReferenceOutput;
}

/** Continues the prompt token by token and compares ids, gaps between the two best logits, and logprobs. */
export function expectReferenceGreedy<S>(
  model: Oracle<S>,
  { prompt, completion, gap, logprob }: Greedy,
  tolerance: { readonly abs: number },
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
  expectClose(gaps, gap, tolerance, `${label} gap`);
  expectClose(logprobs, logprob, tolerance, `${label} logprob`);
}
