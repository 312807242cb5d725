// The model of tokenizer.json: a BPE that can write all text but rare control characters, by letters of bytes or by characters and byte tokens. A token
// that merges need and the vocabulary lacks would silently drop words of a prompt, so vocabulary and merges must explain
// each other.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { quote } from '../util/quote.ts';
import type { Pausable } from '../util/turns.ts';
import { type FindMerge, mergePairs, mergeTable, STEPS } from './bpe.ts';
import { BYTE_OF_LETTER } from './byte-letters.ts';
import { byteToken } from './token-decoder.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Function from a word to the ids of its tokens. A word may be a whole text, so it can pause. */
export type EncodeWord = (word: string) => Pausable<number[]>;

/** A model that was checked. */
export interface BpeModel {
  /** Token → id. */
  readonly vocab: ReadonlyMap<string, number>;
  readonly encodeWord: EncodeWord;
}

/** Parts of a model. */
export interface BpeParts {
  readonly vocab: ReadonlyMap<string, number>;
  readonly findMerge: FindMerge;
  /** A word that is a token is not made of parts. */
  readonly ignoresMerges: boolean;
  /** Id in place of a letter that has no token; null leaves the letter out. */
  readonly unknownId: number | null;
  /** Unknown letters in a row become one id. */
  readonly fusesUnknown: boolean;
}

/** Tab, line feed and carriage return. */
const WHITE_SPACE: readonly number[] = [0x09, 0x0a, 0x0d];

/** Options that would change the ids, and their values that do not. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  dropout: [null, undefined, 0],
  continuing_subword_prefix: [null, undefined, ''],
  end_of_word_suffix: [null, undefined, ''],
};

/**
 * Checks the `model` of tokenizer.json.
 *
 * @param isByteLevel words come in the letters of bytes; otherwise a character without a token becomes byte tokens.
 * @throws what `refuse` makes of it unless it is a BPE whose ids are unique, which knows all 256 bytes, and each of
 * whose merges makes a known token of two known ones.
 */
export function parseBpeModel(model: unknown, isByteLevel: boolean, refuse: Refuse): BpeModel {
  const fields: JsonObject = isJsonObject(model) ? model : {};
  if (!isJsonObject(model) || !isJsonObject(fields.vocab) || !Array.isArray(fields.merges)) {
    throw refuse('model', model, 'a BPE with vocab and merges');
  }
  const { type = 'BPE', ignore_merges: ignoresMerges = false, byte_fallback: fallsBack = false } = model;
  if (type !== 'BPE') throw refuse('model type', type, '"BPE"');
  if (typeof ignoresMerges !== 'boolean') throw refuse('ignore_merges', ignoresMerges, 'true or false');
  if (!isByteLevel && fallsBack !== true) throw refuse('byte_fallback', fallsBack, 'true without ByteLevel');
  for (const [name, neutral] of Object.entries(NEUTRAL)) {
    if (!neutral.includes(model[name])) throw refuse(name, model[name], 'null: it is not supported');
  }
  const { unk_token: unknown = null, fuse_unk: fusesUnknown = false } = model;
  if (typeof fusesUnknown !== 'boolean') throw refuse('fuse_unk', fusesUnknown, 'true or false');
  const vocab = parseVocab(Object.entries(fields.vocab), isByteLevel, refuse);
  if (unknown !== null && typeof unknown !== 'string') throw refuse('unk_token', unknown, 'a token or null');
  const unknownId = unknown === null ? null : (vocab.get(unknown) ?? null);
  const findMerge = mergeTable(fields.merges.map((merge) => parseMerge(merge, vocab, refuse)));
  return { vocab, encodeWord: wordEncoder({ vocab, findMerge, ignoresMerges, unknownId, fusesUnknown }) };
}

/** Makes the encoder of words: a character without a token becomes those of its bytes where the vocabulary has them. */
export function wordEncoder({ vocab, findMerge, ignoresMerges, unknownId, fusesUnknown }: BpeParts): EncodeWord {
  const symbolsOf = (character: string): (number | undefined)[] => {
    const id = vocab.get(character);
    if (id !== undefined) return [id];
    const bytes = Array.from(new TextEncoder().encode(character), (byte) => vocab.get(byteToken(byte)));
    return bytes.includes(undefined) ? [undefined] : bytes;
  };
  const replaceUnknown = (symbol: number | undefined, index: number, symbols: readonly (number | undefined)[]) => {
    if (symbol !== undefined) return symbol;
    const isFused = fusesUnknown && index > 0 && symbols[index - 1] === undefined;
    return unknownId === null || isFused ? [] : unknownId;
  };
  return function* (word) {
    const whole = ignoresMerges ? vocab.get(word) : undefined;
    if (whole !== undefined) return [whole];
    const symbols: (number | undefined)[] = [];
    let numCharacters = 0;
    for (const character of word) {
      if (++numCharacters % STEPS === 0) yield;
      symbols.push(...symbolsOf(character));
    }
    return yield* mergePairs(symbols.flatMap(replaceUnknown), findMerge);
  };
}

/** Ids travel in 32-bit integers. */
export function checkId(id: unknown, token: string, refuse: Refuse): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id;
  throw refuse(`id of ${quote(token)}`, id, 'an integer in [0, 2^31)');
}

/**
 * Checks tokens and their ids.
 *
 * @throws what `refuse` makes of an id that two tokens have, and of a byte without a token; byte-level vocabularies may lack
 * bytes that only control characters and unassigned ones have, as SmolLM2's does.
 */
export function parseVocab(
  entries: Iterable<readonly [token: string, id: unknown]>,
  isByteLevel: boolean,
  refuse: Refuse,
): Map<string, number> {
  const vocab = new Map<string, number>();
  const tokenOf = new Map<number, string>();
  for (const [token, value] of entries) {
    const id = checkId(value, token, refuse);
    const other = tokenOf.get(id);
    if (other !== undefined) throw refuse(`id ${id}`, [other, token], 'the id of one token');
    if (!token.isWellFormed()) throw refuse('token', token, 'text of whole characters');
    tokenOf.set(id, token);
    vocab.set(token, id);
  }
  for (const [letter, byte] of BYTE_OF_LETTER) {
    const token = isByteLevel ? letter : byteToken(byte);
    if (!vocab.has(token) && !(isByteLevel && isRare(byte)))
      throw refuse(`token of byte ${byte}`, undefined, `${quote(token)} in the vocabulary`);
  }
  return vocab;
}

/** Tells whether a byte is in no character but controls other than tab and line ends, and characters that are unassigned. */
function isRare(byte: number): boolean {
  const isControl = byte < 0x20 ? !WHITE_SPACE.includes(byte) : byte === 0x7f;
  return isControl || byte === 0xc0 || byte === 0xc1 || byte === 0xf1 || byte === 0xf2 || byte > 0xf4;
}

/** Reads a merge, written as "left right", in newer files as ["left", "right"]. */
export function parseMerge(
  value: unknown,
  vocab: ReadonlyMap<string, number>,
  refuse: Refuse,
): readonly [left: number, right: number, id: number] {
  const parts: unknown = typeof value === 'string' ? value.split(' ') : value;
  const [left, right, ...more] = Array.isArray(parts) ? parts : [];
  if (typeof left !== 'string' || typeof right !== 'string' || more.length > 0 || left === '' || right === '') {
    throw refuse('merge', value, 'two tokens');
  }
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id === undefined) throw refuse('merge', value, `tokens of the vocabulary: it lacks ${quote(token)}`);
    return id;
  };
  return [idOf(left), idOf(right), idOf(left + right)];
}
