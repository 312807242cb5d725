// The text of a grammar as xgrammar reads it: each state of each rule's automaton is a rule, whose options begin apart. Classes are
// of bytes, for beyond ASCII its classes of characters read others, too.
import { automatonOf, type Label, type State, UNICODE } from './automaton.ts';
import { sizeOfSet } from './character-set.ts';
import { type Expression, type Grammar, partsOf } from './expression.ts';
import { BEYOND_ASCII, type ByteRange, byteSequences } from './utf8.ts';

/** Parts of a repetition that is written out, at most; a longer one is xgrammar's own, which compiles fast and masks slowly. */
const MAX_WRITTEN = 16;
/** … of a few characters, which few tokens are made of. */
const MAX_WRITTEN_FEW = 64;
const FEW = 16;
/** Any byte after the first of a character. */
const CONTINUATION: ByteRange = [0x80, 0xbf];

/** Prints a byte after the first. */
function continuation(range: ByteRange): string {
  return range.join() === CONTINUATION.join() ? 'continuation' : printClass([range]);
}

/** Rules of a character beyond ASCII. */
const UNICODE_RULES: readonly string[] = [
  `${UNICODE} ::= ${byteSequences(BEYOND_ASCII)
    .map(([first, ...rest]) => [printClass(first ? [first] : []), ...rest.map(continuation)].join(' '))
    .join(' | ')}`,
  `continuation ::= ${printClass([CONTINUATION])}`,
];

/** Prints a grammar; its rules get names of their own. */
export function printEbnf({ rules, root }: Grammar): string {
  const names = new Map(Array.from(rules.keys(), (name, index) => [name, name === root ? 'root' : `r${index}`]));
  const lines: string[] = [];
  /** Repetition → name of its rule. */
  const repeated = new Map<string, string>();
  const waiting: { readonly name: string; readonly expression: Expression }[] = [];
  const nameOf = (expression: Expression): string | null => {
    if (expression.kind !== 'repeat') return null;
    const { part, least, most } = expression;
    const count = Number.isFinite(most) ? most : least;
    const isFew = part.kind === 'character' && sizeOfSet(part.set) <= FEW;
    if (count * sizeOf(part) <= (isFew ? MAX_WRITTEN_FEW : MAX_WRITTEN)) return null;
    const key = JSON.stringify([part, least, String(most)]);
    const known = repeated.get(key);
    if (known !== undefined) return known;
    const name = `q${repeated.size}`;
    repeated.set(key, name);
    waiting.push({ name: `${name}p`, expression: part });
    lines.push(`${name} ::= ${name}p${printCount(least, most)}`);
    return name;
  };
  const printRule = (name: string, expression: Expression) =>
    lines.push(...printStates(name, automatonOf(expression, nameOf), (rule) => names.get(rule) ?? rule));
  for (const [name, expression] of rules) printRule(names.get(name) ?? name, expression);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) printRule(next.name, next.expression);
  return [...lines, ...UNICODE_RULES].join('\n');
}

function sizeOf(expression: Expression): number {
  if (expression.kind === 'text') return expression.text.length;
  const size = partsOf(expression).reduce((sum, part) => sum + sizeOf(part), 1);
  if (expression.kind !== 'repeat') return size;
  return size * Math.max(1, Number.isFinite(expression.most) ? expression.most : expression.least);
}

/** Prints a rule for each state; one that has a single step and a single way to it is written where it is reached. */
function printStates(name: string, states: readonly State[], nameOf: (rule: string) => string): string[] {
  const numWays = new Array<number>(states.length).fill(0);
  for (const { steps } of states) for (const { next } of steps) numWays[next] = (numWays[next] ?? 0) + 1;
  const isWritten = (index: number): boolean => {
    const { isEnd, steps } = states[index] ?? { isEnd: true, steps: [] };
    return index !== 0 && (steps.length === 0 || (numWays[index] === 1 && !isEnd && steps.length === 1));
  };
  const stateName = (index: number) => (index === 0 ? name : `${name}s${index}`);
  const printOption = (index: number, step: number): string => {
    const parts: string[] = [];
    let letters = '';
    const endLetters = () => {
      if (letters !== '') parts.push(`"${letters}"`);
      letters = '';
    };
    let next = states[index]?.steps[step];
    while (next !== undefined) {
      const letter = onlyLetter(next.label);
      if (letter === null) {
        endLetters();
        parts.push(printLabel(next.label, nameOf));
      } else letters += letter;
      if (!isWritten(next.next)) {
        endLetters();
        return `${parts.join(' ')} ${stateName(next.next)}`;
      }
      next = states[next.next]?.steps[0];
    }
    endLetters();
    return parts.join(' ');
  };
  return states.flatMap(({ isEnd, steps }, index) => {
    if (isWritten(index)) return [];
    const options = steps.map((_, step) => printOption(index, step));
    return `${stateName(index)} ::= ${[...options, ...(isEnd || steps.length === 0 ? ['""'] : [])].join(' | ')}`;
  });
}

/** Prints the only character of ASCII that a step reads; null where there are others. */
function onlyLetter(label: Label): string | null {
  if ('rule' in label) return null;
  const [range, another] = label.bytes;
  return another === undefined && range !== undefined && range[0] === range[1] && range[0] < 0x80
    ? printByte(range[0])
    : null;
}

function printLabel(label: Label, nameOf: (rule: string) => string): string {
  if ('rule' in label) return nameOf(label.rule);
  return printClass(label.bytes);
}

function printCount(least: number, most: number): string {
  return most === Number.POSITIVE_INFINITY ? `{${least},}` : `{${least},${most}}`;
}

/** Prints a class of bytes. A single byte is named twice, for else it would be read as a character. */
function printClass(ranges: readonly ByteRange[]): string {
  const printed = ranges.map(([first, last]) =>
    first === last ? `${printByte(first)}${printByte(first)}` : `${printByte(first)}-${printByte(last)}`,
  );
  return `[${printed.join('')}]`;
}

function printByte(byte: number): string {
  const letter = String.fromCodePoint(byte);
  return /[A-Za-z0-9]/.test(letter) ? letter : `\\u${byte.toString(16).padStart(4, '0')}`;
}
