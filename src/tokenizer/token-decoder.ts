// Decoders of tokenizer.json as a rule from each token to its bytes: ids then become text piece by piece, and only the
// space before a whole text is known by its place.
import type { JsonObject } from '../util/json.ts';
import { BYTE_OF_LETTER } from './byte-letters.ts';
import { partsOf, patternOf, textOf } from './pipeline-parts.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Rule from tokens to bytes. */
export interface TokenDecoder {
  /** Tokens are written in the letters of bytes; otherwise in characters, with `<0x41>` for a byte. */
  readonly isByteLevel: boolean;
  /** Spaces at most that are left out at the start of a whole text. */
  readonly numLeadingSpaces: number;
  /** The bytes that a token stands for, possibly a part of a character. */
  bytesOf(token: string): Uint8Array;
}

const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/i;
/** U+0020 in UTF-8, which may be left out at the start of a text. */
export const SPACE = 0x20;
/** Order of the parts of a decoder for tokens of characters; any number of `Replace`, and `Strip` may lack. */
const PARTS = ['ByteFallback', 'Fuse', 'Strip'];

/** The token of a byte where characters that the vocabulary lacks become bytes. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/**
 * Makes a `decoder`.
 *
 * @throws what `refuse` makes of one that is neither ByteLevel nor a Sequence of Replace, ByteFallback, Fuse and Strip.
 */
export function parseDecoder(value: unknown, refuse: Refuse): TokenDecoder {
  const parts = partsOf(value, 'decoder', 'decoders', refuse);
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'ByteLevel') return BYTE_LEVEL;
  const numReplacing = parts.findIndex(({ type }) => type !== 'Replace');
  const rest = parts.slice(numReplacing === -1 ? parts.length : numReplacing);
  if (rest.length < 2 || rest.length > PARTS.length || rest.some(({ type }, index) => type !== PARTS[index])) {
    const found = parts.length === 1 ? only?.type : parts.map(({ type }) => type);
    throw refuse(
      'decoder',
      value === null ? null : found,
      '"ByteLevel", or a Sequence of Replace, ByteFallback, Fuse, Strip',
    );
  }
  const strip = rest[2];
  const numLeadingSpaces = strip === undefined ? 0 : leadingSpaces(strip, refuse);
  const replacements = parts.slice(0, numReplacing).map((part) => replacement(part, refuse));
  return sentencePieceDecoder(replacements, numLeadingSpaces);
}

/** Decoder of byte-level tokens; an added token may have other letters, and then stands for itself. */
export const BYTE_LEVEL: TokenDecoder = {
  isByteLevel: true,
  numLeadingSpaces: 0,
  bytesOf(token) {
    const bytes: number[] = [];
    for (const letter of token) {
      const byte = BYTE_OF_LETTER.get(letter);
      if (byte === undefined) return new TextEncoder().encode(token);
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  },
};

/** Makes the decoder of tokens in characters and bytes. */
export function sentencePieceDecoder(
  replacements: readonly ((token: string) => string)[],
  numLeadingSpaces: number,
): TokenDecoder {
  return {
    isByteLevel: false,
    numLeadingSpaces,
    bytesOf(token) {
      const replaced = replacements.reduce((text, replace) => replace(text), token);
      const byte = BYTE_TOKEN.exec(replaced)?.[1];
      return byte === undefined ? new TextEncoder().encode(replaced) : Uint8Array.of(Number.parseInt(byte, 16));
    },
  };
}

function replacement(part: JsonObject, refuse: Refuse): (token: string) => string {
  const pattern = patternOf(part.pattern, refuse);
  const content = textOf(part, 'content', refuse);
  return (token) => token.replaceAll(pattern, () => content);
}

function leadingSpaces({ content, start, stop }: JsonObject, refuse: Refuse): number {
  if (content !== ' ') throw refuse('content of Strip', content, '" "');
  if (stop !== 0) throw refuse('stop of Strip', stop, '0: a text is written before its end is known');
  if (typeof start === 'number' && Number.isSafeInteger(start) && start >= 0) return start;
  throw refuse('start of Strip', start, 'a number of spaces');
}
