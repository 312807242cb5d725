import { StopSearch } from './stop-search.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Where a text ends besides its last id. */
export interface TextStops {
  /** The text ends before the first of these strings. */
  readonly stop: readonly string[];
  /** A stop string that one of so many first ids completes is text. */
  readonly minTokens: number;
}

/**
 * Turns ids into text while they arrive. The pieces joined are `tokenizer.decode` of all ids without special tokens, up
 * to the first stop string; bytes of a character that isn't complete yet, and what may become a stop string, are held
 * back, so no piece holds half a character or a part of a stop string.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  /** Made for the first id: thousands of requests may wait for theirs. */
  #decoder: InstanceType<typeof TextDecoder> | null = null;
  readonly #stops: StopSearch;
  readonly #minTokens: number;
  #numIds = 0;

  constructor(tokenizer: Tokenizer, { stop, minTokens }: TextStops = { stop: [], minTokens: 0 }) {
    this.#tokenizer = tokenizer;
    this.#stops = new StopSearch(stop);
    this.#minTokens = minTokens;
  }

  /** The stop string that the text has come to; no id may follow it. */
  get foundStop(): string | null {
    return this.#stops.found;
  }

  /** The text that `id` makes certain; '' for a special token. */
  push(id: number): string {
    this.#numIds++;
    if (this.#tokenizer.isSpecial(id)) return '';
    const bytes = this.#stops.push(this.#tokenizer.tokenBytes(id), this.#numIds > this.#minTokens);
    return this.#decode(bytes, true);
  }

  /** The end of the text: what was held back, and U+FFFD where it stops inside a character. */
  finish(): string {
    return this.#decode(this.#stops.finish(), false);
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
    return this.#decoder.decode(bytes, { stream });
  }
}
