// Grammars in EBNF as callers write them: `name ::= expression`, with "texts", [classes], groups, |, *, +, ?, {n,m} and
// comments from # to the end of a line. The rule `root` is the whole text.
import { ALL_CHARACTERS, type CharacterSet, characterSet, subtractSet, uniteSets } from './character-set.ts';
import { character, choice, type Expression, type Grammar, repeat, rule, sequence, text } from './expression.ts';
import { TextReader } from './text-reader.ts';

/** Most UTF-16 units of a grammar. */
const MAX_GRAMMAR_LENGTH = 200_000;
/** Name of the rule of the whole text. */
const ROOT = 'root';

const NAME_START = /[A-Za-z_]/;
const NAME = /[A-Za-z0-9_.-]/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ...[['n', '\n'] as const, ['r', '\r'] as const, ['t', '\t'] as const, ['0', '\0'] as const],
  ...Array.from('"\'\\[]-^/', (letter) => [letter, letter] as const),
]);

/**
 * Parses a grammar.
 *
 * @throws GrammarSyntaxError for what is none or is not supported, a rule given twice, one that is not there, and a
 * grammar without `root`; GrammarLimitError for a long one.
 */
export function parseEbnf(source: string): Grammar {
  const reader = new TextReader('grammar', source, MAX_GRAMMAR_LENGTH);
  const rules = new Map<string, Expression>();
  const uses = new Map<string, number>([[ROOT, 0]]);
  skip(reader);
  while (!reader.isAtEnd) {
    const place = reader.position;
    const name = readName(reader);
    if (name === '') throw reader.refuse('expected the name of a rule', place);
    skip(reader);
    if (!reader.take('::=')) throw reader.refuse(`expected ::= after the name ${name}`);
    if (rules.has(name)) throw reader.refuse(`rule ${name} is given twice`, place);
    skip(reader);
    rules.set(name, readOptions(reader, uses));
    if (!reader.isAtEnd && !startsRule(reader)) throw reader.refuse(`unexpected ${reader.peek()}`);
  }
  for (const [name, place] of uses) if (!rules.has(name)) throw reader.refuse(`there is no rule ${name}`, place);
  return { rules, root: ROOT };
}

function readOptions(reader: TextReader, uses: Map<string, number>): Expression {
  const options: Expression[] = [];
  do {
    skip(reader);
    options.push(readParts(reader, uses));
  } while (reader.take('|'));
  return choice(...options);
}

function readParts(reader: TextReader, uses: Map<string, number>): Expression {
  const start = reader.position;
  const parts: Expression[] = [];
  while (!reader.isAtEnd && !/[|)]/.test(reader.peek()) && !startsRule(reader)) {
    parts.push(readCount(reader, readPart(reader, uses)));
    skip(reader);
  }
  if (parts.length === 0) throw reader.refuse('nothing is here: write "" for the empty text', start);
  return sequence(...parts);
}

function readPart(reader: TextReader, uses: Map<string, number>): Expression {
  const place = reader.position;
  if (reader.take('"')) return text(readText(reader, place));
  if (reader.take('[')) return character(readSet(reader, place));
  if (reader.sees('(=')) throw reader.refuse('lookahead is not supported', place);
  if (reader.take('(')) {
    const inside = reader.nested(() => readOptions(reader, uses));
    if (!reader.take(')')) throw reader.refuse('group without its end', place);
    return inside;
  }
  const name = readName(reader);
  if (name === '') throw reader.refuse(`unexpected ${reader.peek()}`, place);
  if (!uses.has(name)) uses.set(name, place);
  return rule(name);
}

function readCount(reader: TextReader, part: Expression): Expression {
  if (reader.take('*')) return repeat(part, 0);
  if (reader.take('+')) return repeat(part, 1);
  if (reader.take('?')) return repeat(part, 0, 1);
  return reader.take('{') ? repeat(part, ...reader.takeBounds()) : part;
}

function readText(reader: TextReader, place: number): string {
  let value = '';
  while (!reader.take('"')) {
    if (reader.isAtEnd || reader.sees('\n')) throw reader.refuse('text without its end', place);
    value += readCharacter(reader);
  }
  return value;
}

function readSet(reader: TextReader, place: number): CharacterSet {
  const isNegated = reader.take('^');
  const sets: CharacterSet[] = [];
  while (!reader.take(']')) {
    if (reader.isAtEnd) throw reader.refuse('class without its end', place);
    const start = reader.position;
    const first = codeOf(readCharacter(reader));
    const isRange = reader.sees('-') && reader.peek(1) !== ']' && reader.take('-');
    const last = isRange ? codeOf(readCharacter(reader)) : first;
    if (first > last) throw reader.refuse('range in the wrong order', start);
    sets.push(characterSet([first, last]));
  }
  const set = uniteSets(...sets);
  return isNegated ? subtractSet(ALL_CHARACTERS, set) : set;
}

function readCharacter(reader: TextReader): string {
  const place = reader.position;
  if (!reader.take('\\')) return reader.next();
  const letter = reader.next();
  const numDigits = { x: 2, u: 4, U: 8 }[letter];
  if (numDigits !== undefined) return String.fromCodePoint(reader.takeCode(numDigits));
  const escaped = ESCAPES.get(letter);
  if (escaped === undefined) throw reader.refuse(`unknown escape \\${letter}`, place);
  return escaped;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

/** Tells whether a name and ::= come next. */
function startsRule(reader: TextReader): boolean {
  if (!NAME_START.test(reader.peek())) return false;
  let ahead = 0;
  while (NAME.test(reader.peek(ahead))) ahead++;
  while (/\s/.test(reader.peek(ahead))) ahead++;
  return reader.peek(ahead) === ':' && reader.peek(ahead + 1) === ':';
}

function readName(reader: TextReader): string {
  return NAME_START.test(reader.peek()) ? reader.takeWhile(NAME) : '';
}

/** Reads white space and comments. */
function skip(reader: TextReader): void {
  for (;;) {
    reader.takeWhile(/\s/);
    if (!reader.take('#')) return;
    reader.takeWhile(/[^\n]/);
  }
}
