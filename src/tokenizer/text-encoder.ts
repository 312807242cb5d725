// Text to ids: added tokens by their spelling; between them normalizer, pre-tokenizer and merges, as in Hugging Face's
// tokenizers.

import type { Pausable } from '../util/turns.ts';
import { type AcceptToken, type AddedToken, AddedTokenSearch } from './added-tokens.ts';
import type { EncodeWord } from './bpe-model.ts';
import type { Normalizer } from './normalizer.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';

/** Parts of the way from text to ids. */
export interface EncoderParts {
  readonly addedTokens: readonly AddedToken[];
  readonly normalize: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly encodeWord: EncodeWord;
}

/** Encodes texts. */
export class TextEncoding {
  readonly #parts: EncoderParts;
  readonly #before: AddedTokenSearch;
  readonly #after: AddedTokenSearch;

  constructor(parts: EncoderParts) {
    const { addedTokens, normalize } = parts;
    this.#parts = parts;
    this.#before = new AddedTokenSearch(
      addedTokens.filter(({ normalized }) => !normalized),
      (text) => text,
    );
    this.#after = new AddedTokenSearch(
      addedTokens.filter(({ normalized }) => normalized),
      normalize,
    );
  }

  /**
   * Encodes a text without surroundings; it can pause between words and within long ones.
   *
   * @param reveal exchanges characters of the text between added tokens.
   */
  *encode(text: string, accepts: AcceptToken, reveal: Normalizer = (part) => part): Pausable<number[]> {
    const { normalize, preTokenizer, encodeWord } = this.#parts;
    const ids: number[] = [];
    for (const [index, part] of this.#before.split(text, accepts).entries()) {
      const within = typeof part === 'string' ? this.#after.split(normalize(part), accepts) : [part];
      for (const [indexWithin, each] of within.entries()) {
        if (typeof each !== 'string') {
          ids.push(each.id);
          continue;
        }
        for (const word of preTokenizer.split(reveal(each), index === 0 && indexWithin === 0)) {
          for (const id of yield* encodeWord(word)) ids.push(id);
          yield;
        }
      }
    }
    return ids;
  }
}
