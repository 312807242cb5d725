// Added tokens, which byte-pair encoding doesn't make: they are found in a text by their spelling, before the text is
// normalized or after it, the longest of those at the leftmost place.
import { isJsonObject } from '../util/json.ts';
import { quoteJson } from '../util/model-file-error.ts';
import { checkId } from './bpe-model.ts';
import type { Normalizer } from './normalizer.ts';
import type { Refuse } from './tokenizer-error.ts';

/** A token that is found by its spelling. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token, no part of the text. */
  readonly special: boolean;
  /** It is looked for after normalization. */
  readonly normalized: boolean;
  /** It is none where a letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** White space before it belongs to it. */
  readonly lstrip: boolean;
  /** White space after it belongs to it. */
  readonly rstrip: boolean;
}

/** Part of a text: an added token, or what is between two of them. */
export type TextPart = AddedToken | string;

const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const WORD_BEFORE = new RegExp(`${WORD}$`, 'u');
const WORD_AFTER = new RegExp(`^${WORD}`, 'u');
const SPACE = /^\p{White_Space}$/u;

/** Tells whether the spelling of a token is that token. */
export type AcceptToken = (token: AddedToken) => boolean;

/** Finds one kind of added tokens, those before normalization or those after it. */
export class AddedTokenSearch {
  /** Spelling → token. */
  readonly #tokens = new Map<string, AddedToken>();
  /** First UTF-16 unit of spellings → their lengths, the longest first. */
  readonly #lengths = new Map<string, number[]>();

  /** @param spell makes the spelling that is looked for of a token's content. */
  constructor(tokens: Iterable<AddedToken>, spell: Normalizer) {
    const lengths = new Map<string, Set<number>>();
    for (const token of tokens) {
      const spelling = spell(token.content);
      if (spelling === '') continue;
      const [first] = spelling.split('', 1);
      this.#tokens.set(spelling, token);
      lengths.set(first!, (lengths.get(first!) ?? new Set()).add(spelling.length));
    }
    for (const [first, each] of lengths)
      this.#lengths.set(
        first,
        [...each].sort((a, b) => b - a),
      );
  }

  /**
   * Cuts a text at its added tokens.
   *
   * @param accepts refuses a token that is to be text.
   */
  split(text: string, accepts: AcceptToken): TextPart[] {
    const parts: TextPart[] = [];
    let end = 0;
    for (let at = 0; at < text.length; at++) {
      const match = this.#matchAt(text, at);
      if (match === undefined) continue;
      const { token, length } = match;
      const isInWord = token.singleWord && hasLetterBeside(text, at, at + length);
      if (isInWord || !accepts(token)) {
        at += length - 1;
        continue;
      }
      let start = at;
      if (token.lstrip) while (start > end && SPACE.test(text.charAt(start - 1))) start--;
      if (start > end) parts.push(text.slice(end, start));
      parts.push(token);
      end = at + length;
      if (token.rstrip) while (SPACE.test(text.charAt(end))) end++;
      at = end - 1;
    }
    return end < text.length ? [...parts, text.slice(end)] : parts;
  }

  #matchAt(text: string, at: number): { token: AddedToken; length: number } | undefined {
    for (const length of this.#lengths.get(text.charAt(at)) ?? []) {
      const token = this.#tokens.get(text.slice(at, at + length));
      if (token !== undefined) return { token, length };
    }
    return undefined;
  }
}

function hasLetterBeside(text: string, start: number, end: number): boolean {
  return WORD_BEFORE.test(text.slice(Math.max(start - 2, 0), start)) || WORD_AFTER.test(text.slice(end, end + 2));
}

/**
 * Checks the `added_tokens` of tokenizer.json: each has an id that nothing else has.
 *
 * @throws what `refuse` makes of any other.
 */
export function parseAddedTokens(list: unknown, vocab: ReadonlyMap<string, number>, refuse: Refuse): AddedToken[] {
  if (!Array.isArray(list)) throw refuse('added_tokens', list, 'a list');
  const tokens = list.map((token: unknown) => parseAddedToken(token, refuse));
  const tokenOf = new Map(vocab.entries().map(([token, id]) => [id, token]));
  const contents = new Set<string>();
  for (const { content, id } of tokens) {
    if (contents.has(content)) throw refuse('added token', content, 'each token once');
    contents.add(content);
    const known = vocab.get(content);
    if (known !== undefined && known !== id) throw refuse(`id of ${quoteJson(content)}`, id, `${known}, as in vocab`);
    const other = tokenOf.get(id) ?? content;
    if (other !== content) throw refuse(`id ${id}`, [other, content], 'the id of one token');
    tokenOf.set(id, content);
  }
  return tokens;
}

/** Reads a token's text, given as it is or as an object with options. */
export function contentOf(token: unknown): string | undefined {
  const content = isJsonObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}

function parseAddedToken(value: unknown, refuse: Refuse): AddedToken {
  const content = contentOf(value);
  if (!isJsonObject(value) || content === undefined || content === '' || !content.isWellFormed()) {
    throw refuse('added token', value, 'an object with id and content');
  }
  const flag = (name: string, byDefault: boolean): boolean => {
    const { [name]: given = byDefault } = value;
    if (typeof given !== 'boolean') throw refuse(`${name} of ${quoteJson(content)}`, given, 'true or false');
    return given;
  };
  const special = flag('special', false);
  return {
    id: checkId(value.id, content, refuse),
    content,
    special,
    normalized: flag('normalized', !special),
    singleWord: flag('single_word', false),
    lstrip: flag('lstrip', false),
    rstrip: flag('rstrip', false),
  };
}
