// A token as text for reports of single tokens, such as log-probabilities: one that is no whole text is written by its bytes.
import type { Tokenizer } from './tokenizer.ts';

/** Text of a token; one that is a part of a character as `bytes:\xe2\x80`. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.tokenBytes(id);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}
