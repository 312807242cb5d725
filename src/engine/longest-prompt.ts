// The longest prompt that a context can hold, by its length alone: to encode a longer one, or to render it, would be in vain.
import { contextOf, type ModelLimits } from '../core/runner.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

const longestTokens = new WeakMap<Tokenizer, number>();

/** Returns the number of UTF-16 units that no prompt which fits exceeds: the context in the longest tokens. */
export function longestPrompt(tokenizer: Tokenizer, limits: ModelLimits): number {
  return contextOf(limits) * longestToken(tokenizer);
}

/** Counts the UTF-16 units of a chat, those of calls of tools as JSON: about what a template writes at least. */
export function chatLength(messages: readonly ChatMessage[]): number {
  const lengths = messages.map(({ content, toolCalls }) => {
    return content.length + (toolCalls === undefined ? 0 : JSON.stringify(toolCalls).length);
  });
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Bytes of the longest token, at least the number of its UTF-16 units. */
function longestToken(tokenizer: Tokenizer): number {
  let longest = longestTokens.get(tokenizer) ?? 0;
  if (longest === 0) {
    for (let id = 0; id < tokenizer.vocabSize; id++) longest = Math.max(longest, tokenizer.tokenBytes(id).length);
    longestTokens.set(tokenizer, longest);
  }
  return longest;
}
