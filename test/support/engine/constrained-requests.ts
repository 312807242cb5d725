// Requests with and without a constraint, their right ids, and rules made of single methods.
import type { Constraint } from '../../../src/core/constraint.ts';
import { maskOf, RandomAutomaton } from './random-automaton.ts';
import { constrainedCompletion, EOS, VOCAB } from './test-runners.ts';

export const never = new Promise<never>(() => {});
export const promptIds = Array.from({ length: 11 }, (_, i) => 3 * i + 1);
export const automaton = (seed: number) => new RandomAutomaton(seed, { vocabSize: VOCAB, eosId: EOS });

/** A request of some seed, constrained by the automaton of that seed. */
export function constrained(seed: number, maxTokens = 12) {
  return { promptIds: promptIds.slice(seed % 5), sampling: { seed, maxTokens }, constraint: automaton(seed) };
}

export function free(seed: number, maxTokens = 12) {
  return { promptIds: promptIds.slice(seed % 5), sampling: { seed, maxTokens }, constraint: undefined };
}

/** Ids of a request alone, by the rule. */
export const right = (request: ReturnType<typeof constrained> | ReturnType<typeof free>) =>
  constrainedCompletion(request, request.constraint ?? null);

/** A rule of its own: whatever is not given allows all ids. */
export function rule(methods: Partial<Constraint>): Constraint {
  const all = maskOf(VOCAB, [...Array(VOCAB).keys()]);
  return { start: () => null, allowed: () => all, accept: () => null, ...methods };
}

export const only = (...ids: readonly number[]) => rule({ allowed: () => maskOf(VOCAB, ids) });
