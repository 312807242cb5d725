// Chunks of the tokens that score their prompts: each takes the rows of logits that a step has anyway, so that asking for
// log-probabilities of prompts costs no memory of the vocabulary's size.
import { ceilDiv, roundUp } from '../util/math.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';

type ChunkSizes = Pick<RuntimeSizes, 'maxBatchTokens' | 'maxLogitsRows'>;

/** Words: a binding may start at multiples of their bytes on every adapter. */
const ALIGNED_WORDS = 64;

/** Counts the chunks of a step all of whose tokens score. */
export function numScoredChunks({ maxBatchTokens, maxLogitsRows }: ChunkSizes): number {
  return ceilDiv(maxBatchTokens, maxLogitsRows);
}

/** Counts the words from one chunk to the next where a token has some words. */
export function chunkWords({ maxLogitsRows }: Pick<ChunkSizes, 'maxLogitsRows'>, wordsPerToken: number): number {
  return roundUp(maxLogitsRows * wordsPerToken, ALIGNED_WORDS);
}
