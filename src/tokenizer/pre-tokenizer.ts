// Pre-tokenizers of tokenizer.json: a text into the words whose letters are merged. Byte-level ones write words in the
// letters of bytes; SentencePiece's writes spaces as ▁ and mostly leaves a text whole.
import type { JsonObject } from '../util/json.ts';
import { lettersOf } from './byte-letters.ts';
import { flagOf, partsOf, patternOf, textOf } from './pipeline-parts.ts';
import { BYTE_LEVEL_PATTERN, compilePattern } from './split-pattern.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Splitter of a text into words. */
export interface PreTokenizer {
  /** Words are written in the letters of bytes. */
  readonly isByteLevel: boolean;
  /** Splits a text, each word as it is asked for. @param isFirst the text begins the whole text, with no token before it. */
  split(text: string, isFirst: boolean): Iterable<string>;
}

type Split = (text: string) => Iterable<string>;

/**
 * Makes a `pre_tokenizer`.
 *
 * @throws what `refuse` makes of one that is neither splits at patterns and digits and then ByteLevel, nor Metaspace, nor
 * none.
 */
export function parsePreTokenizer(value: unknown, refuse: Refuse): PreTokenizer {
  const parts = partsOf(value, 'pre_tokenizer', 'pretokenizers', refuse);
  const last = parts.at(-1);
  if (last === undefined) return { isByteLevel: false, split: (text) => [text] };
  if (last.type === 'Metaspace' && parts.length === 1) return metaspace(last, refuse);
  if (last.type !== 'ByteLevel') {
    throw refuse('pre_tokenizer', last.type, 'Metaspace alone, or ByteLevel, also at the end of a Sequence');
  }
  const splits = [...parts.slice(0, -1).map((part) => splitOf(part, refuse)), ...byteLevel(last, refuse)];
  return {
    isByteLevel: true,
    split: (text) => inLetters(splits.reduce<Iterable<string>>(splitEach, [text])),
  };
}

function* splitEach(words: Iterable<string>, split: Split): Generator<string> {
  for (const word of words) yield* split(word);
}

function* inLetters(words: Iterable<string>): Generator<string> {
  for (const word of words) yield lettersOf(word);
}

function splitOf(part: JsonObject, refuse: Refuse): Split {
  if (part.type === 'Split') return patternSplit(part, refuse);
  if (part.type !== 'Digits') throw refuse('pre_tokenizer', part.type, 'Split or Digits before ByteLevel');
  return isolate(flagOf(part, 'individual_digits', false, refuse) ? /\p{N}/gu : /\p{N}+/gu); // of every script
}

function patternSplit(part: JsonObject, refuse: Refuse): Split {
  const keepsMatches = flagOf(part, 'invert', false, refuse);
  const pattern = patternOf(part.pattern, refuse);
  if (part.behavior === 'Isolated') return isolate(pattern);
  if (part.behavior !== 'Removed') throw refuse('behavior', part.behavior, 'Isolated or Removed');
  if (keepsMatches) return (text) => filled(text.match(pattern) ?? []);
  return (text) => filled(text.split(pattern));
}

/** Makes words of matches and of the text between them. */
function isolate(pattern: RegExp): Split {
  return function* (text) {
    let end = 0;
    for (const { 0: match, index } of text.matchAll(pattern)) {
      if (index > end) yield text.slice(end, index);
      if (match !== '') yield match;
      end = index + match.length;
    }
    if (end < text.length) yield text.slice(end);
  };
}

function filled(words: readonly string[]): string[] {
  return words.filter((word) => word !== '');
}

function byteLevel(part: JsonObject, refuse: Refuse): Split[] {
  const addsSpace = flagOf(part, 'add_prefix_space', undefined, refuse);
  const splits = flagOf(part, 'use_regex', true, refuse);
  const space: Split = (text) => [text.startsWith(' ') ? text : ` ${text}`];
  return [...(addsSpace ? [space] : []), ...(splits ? [isolate(compilePattern(BYTE_LEVEL_PATTERN, refuse))] : [])];
}

/** Texts of a Metaspace that get its sign before them unless they begin with it. */
const SCHEMES: ReadonlyMap<unknown, (isFirst: boolean) => boolean> = new Map<unknown, (isFirst: boolean) => boolean>([
  ['always', () => true],
  ['first', (isFirst) => isFirst],
  ['never', () => false],
]);

function metaspace(part: JsonObject, refuse: Refuse): PreTokenizer {
  const { prepend_scheme: scheme = 'always' } = part;
  const sign = textOf(part, 'replacement', refuse);
  const prepends = SCHEMES.get(scheme);
  if (prepends === undefined) throw refuse('prepend_scheme', scheme, `one of ${[...SCHEMES.keys()].join(', ')}`);
  if (!flagOf(part, 'add_prefix_space', true, refuse) && scheme !== 'never') {
    throw refuse('add_prefix_space', false, `true with prepend_scheme ${String(scheme)}`);
  }
  if ([...sign].length !== 1) throw refuse('replacement', sign, 'one character');
  const splits = flagOf(part, 'split', true, refuse);
  return {
    isByteLevel: false,
    split(text, isFirst) {
      const signed = text.replaceAll(' ', sign);
      const whole = prepends(isFirst) && !signed.startsWith(sign) ? sign + signed : signed;
      if (!splits) return [whole];
      const [first = '', ...rest] = whole.split(sign);
      return filled([first, ...rest.map((word) => sign + word)]);
    },
  };
}
