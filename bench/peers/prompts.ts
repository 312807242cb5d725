import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { builtInPrompts } from '../load/prompts.ts';

/** Tokens of every prompt. */
export const PROMPT_TOKENS = 8;

/** The beginnings of so many built-in prompts, as ids. */
export function peerPrompts(tokenizer: Tokenizer, count: number): number[][] {
  return builtInPrompts
    .map((prompt) => tokenizer.encode(prompt).slice(0, PROMPT_TOKENS))
    .filter((ids) => ids.length === PROMPT_TOKENS)
    .slice(0, count);
}
