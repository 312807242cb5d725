// Classes of characters in regular expressions, as JavaScript's flag u has them.
import {
  ALL_CHARACTERS,
  type CharacterSet,
  characterSet,
  charactersOf,
  subtractSet,
  uniteSets,
} from './character-set.ts';
import type { TextReader } from './text-reader.ts';

const DIGITS = characterSet([0x30, 0x39]);
const WORD = uniteSets(DIGITS, characterSet([0x41, 0x5a], [0x61, 0x7a]), charactersOf('_'));
const SPACES = uniteSets(
  charactersOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  characterSet([0x2000, 0x200a]),
);

/** Characters that `.` reads: all but the ends of lines. */
export const NO_LINE_END: CharacterSet = subtractSet(ALL_CHARACTERS, charactersOf('\n\r\u2028\u2029'));

/** Letter after a backslash → class. */
const CLASSES: ReadonlyMap<string, CharacterSet> = new Map([
  ['d', DIGITS],
  ['w', WORD],
  ['s', SPACES],
  ['D', subtractSet(ALL_CHARACTERS, DIGITS)],
  ['W', subtractSet(ALL_CHARACTERS, WORD)],
  ['S', subtractSet(ALL_CHARACTERS, SPACES)],
]);

/** Letter after a backslash → control character. */
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['t', 0x09],
  ['n', 0x0a],
  ['v', 0x0b],
  ['f', 0x0c],
  ['r', 0x0d],
]);

/** Characters that stand for themselves after a backslash; in a class, `-` too. */
const SYNTAX = /^[\^$\\.*+?()[\]{}|/]$/;

/** Reads `[…]` after its bracket. */
export function readClass(reader: TextReader): CharacterSet {
  const start = reader.position - 1;
  const isNegated = reader.take('^');
  const sets: CharacterSet[] = [];
  while (!reader.take(']')) {
    if (reader.isAtEnd) throw reader.refuse('class without its end', start);
    const place = reader.position;
    const first = readMember(reader);
    if (!reader.sees('-') || reader.peek(1) === ']') {
      sets.push(first);
      continue;
    }
    reader.next();
    const last = readMember(reader);
    const [from, to] = [onlyCode(first), onlyCode(last)];
    if (from === undefined || to === undefined || from > to) throw reader.refuse('range in the wrong order', place);
    sets.push(characterSet([from, to]));
  }
  const set = uniteSets(...sets);
  return isNegated ? subtractSet(ALL_CHARACTERS, set) : set;
}

/** Reads an escape from the character after its backslash on. */
export function readEscape(reader: TextReader, isInClass: boolean): CharacterSet {
  const place = reader.position - 1;
  const letter = reader.next();
  const known = CLASSES.get(letter);
  if (known !== undefined) return known;
  if (/[1-9k]/.test(letter)) throw reader.refuse('backreference is not supported', place);
  if (/[pP]/.test(letter)) throw reader.refuse(`\\${letter}{…} is not supported: name the characters`, place);
  if (isInClass && letter === 'b') return characterSet([0x08, 0x08]);
  if (/[bB]/.test(letter)) throw reader.refuse(`\\${letter} is not supported`, place);
  if (SYNTAX.test(letter) || (isInClass && letter === '-')) return charactersOf(letter);
  const code = readCode(reader, letter, place);
  return characterSet([code, code]);
}

function readCode(reader: TextReader, letter: string, place: number): number {
  const control = CONTROLS.get(letter);
  if (control !== undefined) return control;
  if (letter === '0' && !/[0-9]/.test(reader.peek())) return 0;
  if (letter === 'x') return reader.takeCode(2);
  if (letter === 'u' && reader.take('{')) {
    const digits = reader.takeWhile(/[0-9A-Fa-f]/);
    if (digits === '' || digits.length > 8 || !reader.take('}')) throw reader.refuse('expected \\u{…}', place);
    return reader.checkCode(Number.parseInt(digits, 16), place);
  }
  if (letter === 'u') return readUnits(reader);
  if (letter === 'c' && /[A-Za-z]/.test(reader.peek())) return (reader.next().codePointAt(0) ?? 0) % 32;
  throw reader.refuse(letter === '' ? 'backslash at the end' : `unknown escape \\${letter}`, place);
}

/** Reads the digits of a UTF-16 unit, and those of the one after it where both are a surrogate pair. */
function readUnits(reader: TextReader): number {
  const start = reader.position;
  const unit = reader.takeHex(4);
  const isPair = unit >= 0xd800 && unit <= 0xdbff && reader.take('\\u');
  const character = isPair ? String.fromCharCode(unit, reader.takeHex(4)) : String.fromCharCode(unit);
  return reader.checkCode(character.codePointAt(0) ?? 0, start);
}

function readMember(reader: TextReader): CharacterSet {
  const letter = reader.next();
  return letter === '\\' ? readEscape(reader, true) : charactersOf(letter);
}

function onlyCode(set: CharacterSet): number | undefined {
  const [range] = set;
  return set.length === 1 && range !== undefined && range[0] === range[1] ? range[0] : undefined;
}
