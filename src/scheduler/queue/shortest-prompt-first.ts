// Short prompts first, with age: a strict order would let a stream of short prompts starve a long one.
import type { QueuePolicy } from './queue-policy.ts';

/** Milliseconds of waiting that make up for one token of prompt. */
export const PROMPT_AGEING_MS = 10;

/**
 * The shortest prompt first, and waiting counts: a prompt is overtaken by one that is d tokens shorter only while that
 * arrives less than d · `PROMPT_AGEING_MS` after it.
 */
export const shortestPromptFirst: QueuePolicy = {
  rank: ({ arrival, promptIds }) => arrival + promptIds.length * PROMPT_AGEING_MS,
};
