// Random walks through a constraint: a stand-in for a model at a high temperature, with a taste for tokens that close something.
import type { Constraint } from '../../../src/core/constraint.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

/** Text of a walk, and whether it came to an end of its own. */
export interface Walk {
  readonly text: string;
  readonly ids: readonly number[];
  readonly hasEnded: boolean;
}

export const tales: Tokenizer = await Tokenizer.load('weights/tales');

/** Part of the draws that closes something where it can. */
const CLOSING = 0.3;
const CLOSERS = new Set(Array.from('"]}', (letter) => letter.codePointAt(0)));

/** Numbers in [0, 1) by xorshift: every run draws the same. */
export function randomNumbers(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Lists the ids that a mask allows. */
export function allowedIds(mask: Uint32Array): number[] {
  const ids: number[] = [];
  for (const [word, bits] of mask.entries())
    for (let left = bits; left !== 0; left &= left - 1) ids.push(32 * word + 31 - Math.clz32(left & -left));
  return ids;
}

const closing = new Set([
  ...tales.eosIds,
  ...Array.from({ length: tales.vocabSize }, (_, id) => id).filter((id) => {
    const [first, ...rest] = tales.tokenBytes(id);
    return rest.length === 0 && CLOSERS.has(first);
  }),
]);

/** Draws ids that a constraint allows until one ends the text, or there are `maxTokens`. */
export async function walk(constraint: Constraint, seed: number, maxTokens = 512): Promise<Walk> {
  const random = randomNumbers(seed);
  let state = constraint.start();
  const ids: number[] = [];
  let hasEnded = false;
  try {
    while (ids.length < maxTokens) {
      const allowed = allowedIds(await constraint.allowed(state));
      if (allowed.length === 0) throw new Error(`no id is allowed after ${JSON.stringify(textOf(ids))}`);
      const closers = allowed.filter((id) => closing.has(id));
      const choices = closers.length > 0 && random() < CLOSING ? closers : allowed;
      const id = choices[Math.floor(random() * choices.length)] ?? 0;
      hasEnded = tales.eosIds.includes(id);
      if (hasEnded) break;
      ids.push(id);
      state = constraint.accept(state, id);
    }
  } finally {
    constraint.end?.(state);
  }
  return { text: textOf(ids), ids, hasEnded };
}

function textOf(ids: readonly number[]): string {
  return tales.decode(ids, { skipSpecialTokens: true });
}
