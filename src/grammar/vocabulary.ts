// The bytes of a tokenizer's tokens in shared memory, so that each worker reads them without a copy. Control tokens have none: no
// grammar lets one through, those aside that end a text.
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Pausable } from '../util/turns.ts';

/** The tokens of a model. */
export interface Vocabulary {
  /** Number of ids of the model, V. */
  readonly size: number;
  /** Tokens that end a text. */
  readonly eosIds: readonly number[];
  /** Bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where the bytes of each id end. */
  readonly ends: Uint32Array<SharedArrayBuffer>;
}

/** Tokens between two pauses. */
const SLICE = 1024;

/** Reads the tokens of a tokenizer, with pauses. */
export function* readVocabulary(tokenizer: Tokenizer, size: number, eosIds: readonly number[]): Pausable<Vocabulary> {
  const tokens: Uint8Array[] = [];
  let length = 0;
  const ends = new Uint32Array(new SharedArrayBuffer(4 * size));
  for (let id = 0; id < size; id++) {
    const isText = !tokenizer.isSpecial(id) && !eosIds.includes(id);
    const token = isText ? tokenizer.tokenBytes(id) : new Uint8Array();
    tokens.push(token);
    length += token.length;
    ends[id] = length;
    if (id % SLICE === SLICE - 1) yield;
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  for (const [id, token] of tokens.entries()) bytes.set(token, (ends[id] ?? 0) - token.length);
  return { size, eosIds, bytes, ends };
}
