// Expressions of JSON's own parts: strings, numbers, and any value of bounded depth. White space is a space after a colon or a comma at most,
// since a model's tokens are spent on it, and a string has no escaped half of a surrogate pair, so that its length is that of its text.
import {
  ALL_CHARACTERS,
  type CharacterSet,
  characterSet,
  charactersOf,
  intersectSets,
  listCharacters,
  sizeOfSet,
  subtractSet,
} from './character-set.ts';
import { character, choice, type Expression, optional, repeat, rule, sequence, text } from './expression.ts';

/** Lists and objects within each other, at most, where a schema leaves a value open. */
const MAX_OPEN_DEPTH = 6;
/** Digits before the point, after it, and of the exponent, at most, where a schema leaves a number open. */
const [MAX_WHOLE, MAX_DECIMALS, MAX_EXPONENT] = [15, 15, 2];

const DIGIT = character(characterSet([0x30, 0x39]));
const NO_ZERO = character(characterSet([0x31, 0x39]));
const HEX_DIGITS = characterSet([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
const HEX = character(HEX_DIGITS);
const CONTROLS = characterSet([0, 0x1f]);
/** Characters that a string has as they are. */
export const PLAIN: CharacterSet = subtractSet(subtractSet(ALL_CHARACTERS, CONTROLS), charactersOf('"\\'));
/** Characters that a string has after a backslash → the letter there. */
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ...[['"', '"'] as const, ['\\', '\\'] as const, ['\b', 'b'] as const, ['\f', 'f'] as const],
  ...[['\n', 'n'] as const, ['\r', 'r'] as const, ['\t', 't'] as const],
]);

/** Names of rules that every grammar of JSON has. */
const OPEN = 'open';

/** One character of a string, escaped or not. */
export const STRING_CHARACTER: Expression = choice(character(PLAIN), sequence(text('\\'), rule('escape')));

/** Text between a key and its value. */
export const COLON: Expression = choice(text(':'), text(': '));
/** Text between two values. */
export const COMMA: Expression = choice(text(','), text(', '));

/** Any string. */
export const STRING: Expression = rule('string');

/** Any integer. */
export const INTEGER: Expression = rule('integer');

/** Any number. */
export const NUMBER: Expression = rule('number');

/** Any value. */
export const ANY: Expression = rule(`${OPEN}${MAX_OPEN_DEPTH}`);

/** Any object. */
export const ANY_OBJECT: Expression = rule(`object${MAX_OPEN_DEPTH}`);

/** Any list. */
export const ANY_LIST: Expression = rule(`list${MAX_OPEN_DEPTH}`);

/** Rules that the others name. */
export const JSON_RULES: ReadonlyMap<string, Expression> = new Map([
  ['escape', choice(character(charactersOf('"\\/bfnrt')), sequence(text('u'), rule('code')))],
  [
    'code',
    choice(
      sequence(character(subtractSet(HEX_DIGITS, charactersOf('dD'))), HEX, HEX, HEX),
      sequence(character(charactersOf('dD')), character(characterSet([0x30, 0x37])), HEX, HEX),
    ),
  ],
  ['string', sequence(text('"'), repeat(STRING_CHARACTER, 0), text('"'))],
  ['whole', choice(text('0'), sequence(NO_ZERO, repeat(DIGIT, 0, MAX_WHOLE - 1)))],
  ['integer', choice(rule('whole'), sequence(text('-'), NO_ZERO, repeat(DIGIT, 0, MAX_WHOLE - 1)))],
  [
    'number',
    sequence(
      optional(text('-')),
      rule('whole'),
      optional(sequence(text('.'), repeat(DIGIT, 1, MAX_DECIMALS))),
      optional(
        sequence(
          character(charactersOf('eE')),
          optional(character(charactersOf('+-'))),
          repeat(DIGIT, 1, MAX_EXPONENT),
        ),
      ),
    ),
  ],
  ['scalar', choice(rule('string'), NUMBER, text('true'), text('false'), text('null'))],
  [`${OPEN}0`, rule('scalar')],
  ...Array.from({ length: MAX_OPEN_DEPTH }, (_, index) => openRules(index + 1)).flat(),
]);

function openRules(depth: number): (readonly [string, Expression])[] {
  const inside = rule(`${OPEN}${depth - 1}`);
  const [object, list] = [`object${depth}`, `list${depth}`];
  return [
    [`${OPEN}${depth}`, choice(rule('scalar'), rule(object), rule(list))],
    [object, bracketed('{', separated(sequence(rule('string'), COLON, inside)), '}')],
    [list, bracketed('[', separated(inside), ']')],
  ];
}

/** Makes the expression of a list's or an object's text around its inside. */
export function bracketed(open: string, inside: Expression, close: string): Expression {
  return sequence(text(open), inside, text(close));
}

/** Makes the expression of any number of members. */
function separated(member: Expression): Expression {
  return optional(sequence(member, repeat(sequence(COMMA, member), 0)));
}

/** Makes the expression of a value as JSON.stringify writes it. */
export function literal(value: unknown): Expression {
  return text(JSON.stringify(value));
}

/**
 * Makes the expression of one character of a set inside a string. Rare control characters are left out where the set has
 * others.
 */
export function characterInString(set: CharacterSet): Expression {
  if (sizeOfSet(set) === sizeOfSet(ALL_CHARACTERS)) return STRING_CHARACTER;
  const plain = intersectSets(set, PLAIN);
  const escaped = listCharacters(subtractSet(set, PLAIN));
  const letters = escaped.flatMap((each) => SHORT_ESCAPES.get(each) ?? []).join('');
  const options = [
    ...(plain.length > 0 ? [character(plain)] : []),
    ...(letters === '' ? [] : [sequence(text('\\'), character(charactersOf(letters)))]),
  ];
  return options.length > 0 ? choice(...options) : choice(...escaped.map((each) => text(unicodeEscape(each))));
}

function unicodeEscape(control: string): string {
  return `\\u${(control.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}
