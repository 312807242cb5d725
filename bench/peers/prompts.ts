// Prompts of the comparison: ids of equal length, so that no engine pads.
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { builtInPrompts } from '../load/prompts.ts';

/** Tokens of every prompt. */
export const PROMPT_TOKENS = 8;

/** Encodes the beginnings of `count` built-in prompts. */
export function peerPrompts(tokenizer: Tokenizer, count: number): number[][] {
  return builtInPrompts
    .map((prompt) => tokenizer.encode(prompt).slice(0, PROMPT_TOKENS))
    .filter((ids) => ids.length === PROMPT_TOKENS)
    .slice(0, count);
}
