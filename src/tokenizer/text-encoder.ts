// Text to ids: added tokens by their spelling; between them normalizer, pre-tokenizer and merges, as in Hugging Face's
// tokenizers.
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
   * Encodes a text without surroundings.
   *
   * @param mark a character that is no part of the text; '' for none.
   */
  encode(text: string, accepts: AcceptToken, mark = ''): number[] {
    const { normalize, preTokenizer, encodeWord } = this.#parts;
    return this.#before.split(text, accepts).flatMap((part, index) => {
      if (typeof part !== 'string') return part.id;
      return this.#after.split(normalize(part), accepts).flatMap((part, indexWithin) => {
        if (typeof part !== 'string') return part.id;
        const plain = mark === '' ? part : part.replaceAll(mark, '');
        if (plain === '') return [];
        return preTokenizer.split(plain, index === 0 && indexWithin === 0).flatMap(encodeWord);
      });
    });
  }
}
