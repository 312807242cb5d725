// Tokens of a GGUF file's metadata with their types. Lists must agree in length, and no two tokens may be spelled alike: one
// of them could never be found.
import type { AddedToken } from './added-tokens.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Metadata of a GGUF file by key. */
export type GGUFMetadata = ReadonlyMap<string, unknown>;

/** Token types of `tokenizer.ggml.token_type`. */
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6] as const;
const TYPES: readonly unknown[] = [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE];

/** Lists of numbers that the format allows for types and scores. */
const NUMBERS = [Int32Array, Uint32Array, Float32Array];

/** Tokens by what they are. */
export interface GGUFVocabulary {
  /** [id]: the token. */
  readonly tokens: readonly string[];
  /** Tokens that words are made of, with their ids. */
  readonly pieces: ReadonlyMap<string, number>;
  /** Tokens of single bytes, with their ids. */
  readonly bytes: ReadonlyMap<string, number>;
  /** Tokens that are found by their spelling. */
  readonly addedTokens: readonly AddedToken[];
}

/**
 * Reads `tokenizer.ggml.tokens` and their types.
 *
 * @throws what `refuse` makes of a token that is no text or comes twice, and of an unknown type.
 */
export function readGGUFVocabulary(metadata: GGUFMetadata, refuse: Refuse): GGUFVocabulary {
  const key = 'tokenizer.ggml.tokens';
  const tokens: string[] = [];
  for (const [id, token] of listOf(metadata, key, refuse).entries()) {
    if (typeof token !== 'string' || !token.isWellFormed()) throw refuse(`${key}[${id}]`, token, 'a text');
    tokens.push(token);
  }
  const types = numbersOf(metadata, 'tokenizer.ggml.token_type', tokens.length, refuse);
  const [pieces, bytes] = [new Map<string, number>(), new Map<string, number>()];
  const addedTokens: AddedToken[] = [];
  const seen = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (token === '') continue; // an id without text, as padded vocabularies have them
    const type = types[id];
    if (!TYPES.includes(type)) throw refuse(`tokenizer.ggml.token_type[${id}]`, type, 'an integer in [1, 6]');
    const other = seen.get(token);
    if (other !== undefined) throw refuse(`${key}[${id}]`, token, `another text than ${key}[${other}]`);
    seen.set(token, id);
    if (type === NORMAL || type === USER_DEFINED) pieces.set(token, id);
    if (type === BYTE) bytes.set(token, id);
    const special = type === CONTROL || type === UNKNOWN;
    if (special || type === USER_DEFINED) {
      const asWritten = { normalized: false, singleWord: false, lstrip: false, rstrip: false };
      addedTokens.push({ id, content: token, special, ...asWritten });
    }
  }
  return { tokens, pieces, bytes, addedTokens };
}

/** Reads a list of anything; a list of numbers may be a typed array, as GGUF's readers make them. */
export function listOf(metadata: GGUFMetadata, key: string, refuse: Refuse): readonly unknown[] {
  const value = metadata.get(key);
  if (Array.isArray(value)) return value;
  if (NUMBERS.some((list) => value instanceof list)) return Array.from(Object(value));
  throw refuse(key, value, 'a list');
}

/** Reads a list of finite numbers of a given length. */
export function numbersOf(metadata: GGUFMetadata, key: string, length: number, refuse: Refuse): number[] {
  const list = listOf(metadata, key, refuse);
  if (list.length !== length) throw refuse(`length of ${key}`, list.length, `${length}, as of tokenizer.ggml.tokens`);
  return list.map((value, index) => {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw refuse(`${key}[${index}]`, value, 'a finite number');
    return value;
  });
}
