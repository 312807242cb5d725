// Ids to text as they arrive, byte by byte, so that no piece ends within a character.
import { StopSearch } from './stop-search.ts';
import { SPACE } from './token-decoder.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Ends of a text besides its last id. */
export interface TextStops {
  /** The text ends before the first of these strings. */
  readonly stop: readonly string[];
  /** A stop string that one of the first `minTokens` ids completes is text. */
  readonly minTokens: number;
}

/**
 * Turns ids into text while they arrive. The pieces joined are `tokenizer.decode` of all ids without special tokens, up
 * to the first stop string, but for the leading space of ids that continue a text; bytes of a character that isn't complete yet, and what may become a stop string, are held
 * back, so no piece holds half a character or a part of a stop string.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #ends: TextStops;
  /** Made for the first id: thousands of requests may wait for theirs. */
  #text: { readonly decoder: InstanceType<typeof TextDecoder>; readonly stops: StopSearch } | null = null;
  #numIds = 0;
  /** Spaces that are left out if the text begins with them. */
  #numLeadingSpaces: number;

  /**
   * @param ends shared with the request: thousands may wait, and none takes a copy.
   * @param isWhole true where the ids are a whole text, such as an answer in a chat: a space that the tokenizer puts before each text
   * is left out. By default they continue a text.
   */
  constructor(tokenizer: Tokenizer, ends: TextStops = { stop: [], minTokens: 0 }, isWhole = false) {
    this.#tokenizer = tokenizer;
    this.#ends = ends;
    this.#numLeadingSpaces = isWhole ? tokenizer.numLeadingSpaces : 0;
  }

  /** The stop string that the text has come to; no id may follow it. */
  get foundStop(): string | null {
    return this.#text?.stops.found ?? null;
  }

  /** The text that `id` makes certain; '' for a special token. */
  push(id: number): string {
    this.#numIds++;
    if (this.#tokenizer.isSpecial(id)) return '';
    this.#text ??= { decoder: new TextDecoder('utf-8', { ignoreBOM: true }), stops: new StopSearch(this.#ends.stop) };
    const { decoder, stops } = this.#text;
    const bytes = stops.push(
      this.#withoutLeadingSpaces(this.#tokenizer.tokenBytes(id)),
      this.#numIds > this.#ends.minTokens,
    );
    return decoder.decode(bytes, { stream: true });
  }

  /** The end of the text: what was held back, and U+FFFD where it stops inside a character. */
  finish(): string {
    return this.#text?.decoder.decode(this.#text.stops.finish()) ?? '';
  }

  #withoutLeadingSpaces(bytes: Uint8Array): Uint8Array {
    let start = 0;
    while (start < Math.min(this.#numLeadingSpaces, bytes.length) && bytes[start] === SPACE) start++;
    if (bytes.length > 0) this.#numLeadingSpaces = start < bytes.length ? 0 : this.#numLeadingSpaces - start;
    return bytes.subarray(start);
  }
}
