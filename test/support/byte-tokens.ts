// Tokens of single bytes: with them a test writes any text, whole or cut within a character, as ids of its choice.
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

/** Finds the token of each byte: [256] ids. */
export function byteTokens(tokenizer: Tokenizer): number[] {
  const ids: number[] = [];
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const [byte, ...more] = tokenizer.tokenBytes(id);
    if (byte !== undefined && more.length === 0) ids[byte] = id;
  }
  return ids;
}
