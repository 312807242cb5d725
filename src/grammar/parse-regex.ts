// Regular expressions of JavaScript with flag u, as far as a grammar can keep them: no lookaround, no backreference, no \p,
// no \b, and anchors only at the ends of the whole. Lazy and greedy repetitions read the same texts.
import { ALL_CHARACTERS, type CharacterSet, charactersOf } from './character-set.ts';
import { choice, type Expression, repeat, sequence } from './expression.ts';
import { NO_LINE_END, readClass, readEscape } from './regex-classes.ts';
import { TextReader } from './text-reader.ts';

/** Most UTF-16 units of a regular expression. */
const MAX_REGEX_LENGTH = 10_000;

/** How a regular expression becomes an expression. */
export interface RegexReading {
  /** Name in errors. */
  readonly subject: string;
  /** It need not match a whole text: what is not anchored has any characters before or after it. */
  readonly isSearch: boolean;
  /** Gives the expression of one character of a set. */
  readonly character: (set: CharacterSet) => Expression;
}

/**
 * Parses a regular expression.
 *
 * @throws GrammarSyntaxError for what is none or is not supported, with its place; GrammarLimitError for a long one.
 */
export function parseRegex(pattern: string, { subject, isSearch, character }: RegexReading): Expression {
  const reader = new TextReader(subject, pattern, MAX_REGEX_LENGTH);
  const anything = isSearch ? repeat(character(ALL_CHARACTERS), 0) : sequence();
  const options: Expression[] = [];
  do {
    const before = reader.take('^') ? [] : [anything];
    const parts = readParts(reader, character);
    if (reader.sees('$') && !['', '|'].includes(reader.peek(1))) throw misplaced(reader);
    const after = reader.take('$') ? [] : [anything];
    if (!reader.isAtEnd && !reader.sees('|')) throw misplaced(reader);
    options.push(sequence(...before, ...parts, ...after));
  } while (reader.take('|'));
  return choice(...options);
}

function readParts(reader: TextReader, character: RegexReading['character']): Expression[] {
  const parts: Expression[] = [];
  while (!reader.isAtEnd && !reader.sees('|') && !reader.sees(')') && !reader.sees('$')) {
    parts.push(readCount(reader, readPart(reader, character)));
  }
  return parts;
}

function readPart(reader: TextReader, character: RegexReading['character']): Expression {
  const place = reader.position;
  const letter = reader.next();
  switch (letter) {
    case '(':
      return reader.nested(() => readGroup(reader, character, place));
    case '[':
      return character(readClass(reader));
    case '.':
      return character(NO_LINE_END);
    case '\\':
      return character(readEscape(reader, false));
    case '^':
      throw reader.refuse('^ is supported only at the start', place);
    case '*':
    case '+':
    case '?':
    case '{':
      throw reader.refuse(`nothing to repeat before ${letter}`, place);
    case ']':
    case '}':
      throw reader.refuse(`${letter} without its start: write \\${letter}`, place);
    default:
      return character(charactersOf(letter));
  }
}

function readGroup(reader: TextReader, character: RegexReading['character'], place: number): Expression {
  if (reader.take('?')) {
    if (reader.sees('=') || reader.sees('!')) throw reader.refuse('lookahead is not supported', place);
    if (reader.sees('<=') || reader.sees('<!')) throw reader.refuse('lookbehind is not supported', place);
    const isNamed = reader.take('<') && reader.takeWhile(/[\w$]/) !== '' && reader.take('>');
    if (!isNamed && !reader.take(':')) throw reader.refuse('unknown kind of group', place);
  }
  const options: Expression[] = [];
  do options.push(sequence(...readParts(reader, character)));
  while (reader.take('|'));
  if (reader.sees('$')) throw misplaced(reader);
  if (!reader.take(')')) throw reader.refuse('group without its end', place);
  return choice(...options);
}

/** Reads the repetition of a part, if there is one. */
function readCount(reader: TextReader, part: Expression): Expression {
  const counted = readBounds(reader);
  if (counted === undefined) return part;
  reader.take('?');
  const place = reader.position;
  if (readBounds(reader) !== undefined) throw reader.refuse('repetition of a repetition', place);
  return repeat(part, ...counted);
}

function readBounds(reader: TextReader): readonly [number, number] | undefined {
  if (reader.take('*')) return [0, Number.POSITIVE_INFINITY];
  if (reader.take('+')) return [1, Number.POSITIVE_INFINITY];
  if (reader.take('?')) return [0, 1];
  return reader.take('{') ? reader.takeBounds() : undefined;
}

function misplaced(reader: TextReader): Error {
  if (reader.sees('$')) return reader.refuse('$ is supported only at the end');
  return reader.refuse(') without its start: write \\)');
}
