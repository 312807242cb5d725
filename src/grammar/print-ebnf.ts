// The text of a grammar as xgrammar reads it: each state of each rule's automaton is a rule, whose options begin apart. Classes are
// of bytes, for beyond ASCII its classes of characters read others, too.
import { automatonOf, type Label, type State, UNICODE } from './automaton.ts';
import { GrammarLimitError } from './errors.ts';
import { type Expression, type Grammar, isLongRepetition, partsOf, sizeOf } from './expression.ts';
import { BEYOND_ASCII, type ByteRange, byteSequences } from './utf8.ts';

/** Parts of a grammar that xgrammar compiles, at most. */
const MAX_PARTS = 500;
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

/**
 * Prints a grammar; its rules get names of their own. Gives null where xgrammar would take long: it compiles a state in a millisecond, and
 * makes masks of long repetitions in seconds.
 */
export function printEbnf({ rules, root }: Grammar): string | null {
  const size = rules.values().reduce((sum, expression) => sum + sizeOf(expression), 0);
  if (size > MAX_PARTS || rules.values().some(hasLongRepetition)) return null;
  const names = new Map(Array.from(rules.keys(), (name, index) => [name, name === root ? 'root' : `r${index}`]));
  try {
    const lines = rules
      .entries()
      .flatMap(([name, expression]) =>
        printStates(names.get(name) ?? name, automatonOf(expression), (rule) => names.get(rule) ?? rule),
      );
    return [...lines, ...UNICODE_RULES].join('\n');
  } catch (error) {
    if (error instanceof GrammarLimitError) return null;
    throw error;
  }
}

function hasLongRepetition(expression: Expression): boolean {
  return isLongRepetition(expression) || partsOf(expression).some(hasLongRepetition);
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
