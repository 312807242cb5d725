import type { Tokenizer } from './tokenizer.ts';

/**
 * Turns ids into text while they arrive. The pieces joined are `tokenizer.decode` of all ids without special tokens;
 * bytes of a character that isn't complete yet are held back, so no piece holds half a character.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `id` makes certain; '' for a special token. */
  push(id: number): string {
    if (this.#tokenizer.isSpecial(id)) return '';
    return this.#decoder.decode(this.#tokenizer.tokenBytes(id), { stream: true });
  }

  /** The end of the text: U+FFFD where it stops inside a character. */
  finish(): string {
    return this.#decoder.decode();
  }
}
