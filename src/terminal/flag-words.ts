// Decides which words of a command line are flags and which are their values, by what each flag takes, and writes them
// as `--flag=value`, so that yargs has nothing to guess: it takes no value that begins with a dash.
import { RoseinferError } from '../util/errors.ts';
import { nearestName } from '../util/keys.ts';
import { quote } from '../util/quote.ts';

/** Error of a command line that breaks its grammar. */
export class UsageError extends RoseinferError {}

/** Kind of value of a flag: a name or number, any text, several of either, or none. */
export type Taken = 'word' | 'text' | 'words' | 'texts' | 'nothing';

/** Flags by name, without the dashes; one with `demandOption` has to be there. */
export type FlagTable = Readonly<Record<string, { readonly takes: Taken; readonly demandOption?: boolean }>>;

/** A flag that every command has. */
const COMMON: FlagTable = { help: { takes: 'nothing' } };

/** Shape of a flag: the whole word, not a text that contains one. */
const FLAG = /^--([a-z][\w.-]*)(?:=(.*))?$/is;
/** Shape of a word that was meant as a flag, where words without one have a place: no dash alone, no list's dash, and no number. */
const LIKE_FLAG = /^-[^\s\d.]/;
const DASHED = /^-./s;
const SHORT = /^-([a-z])$/;
/** Flags of every command by their letters. */
const LETTERS: Readonly<Record<string, string>> = { h: 'help' };
const END_OF_FLAGS = '--';
const NEGATION = 'no-';

/**
 * Writes every flag as one word with its value.
 *
 * A text is the next word, whatever it begins with; all other values are the next word unless it looks like a flag. A
 * flag that takes several goes on up to the next word that looks like a flag. Any other word is the value of the next of
 * `positions`, names of flags; it may begin with a dash where it can't be a flag, and after `--`. A flag of one letter may have one dash.
 *
 * @throws UsageError naming a flag that is unknown or missing, or has no value, or one that it does not take, or a word
 * that belongs to no flag.
 */
export function joinFlagValues(argv: readonly string[], flags: FlagTable, positions: readonly string[] = []): string[] {
  const known: FlagTable = { ...COMMON, ...flags };
  const joined: string[] = [];
  let [position, isOpen] = [0, true];
  for (let i = 0; i < argv.length; ) {
    const [, letter] = SHORT.exec(argv[i]!) ?? [];
    const long = letter === undefined || Object.hasOwn(flags, letter) ? letter : LETTERS[letter];
    const word = isOpen && long !== undefined ? `--${long}` : argv[i]!;
    i++;
    if (word === END_OF_FLAGS && isOpen && positions.length > 0) {
      isOpen = false;
      continue;
    }
    const [, name, value] = (isOpen ? FLAG.exec(word) : null) ?? [];
    if (name === undefined) {
      if (isOpen && (positions.length > 0 ? LIKE_FLAG : DASHED).test(word)) throw unknownFlag(word, known);
      const flag = positions[position++];
      if (flag === undefined) throw strayWord(word, positions);
      joined.push(`--${flag}=${word}`);
      continue;
    }
    const [flag, isOff] = lookUp(name, known);
    const take = (isValue: (next: string) => boolean) => (i < argv.length && isValue(argv[i]!) ? argv[i++] : undefined);
    const isPlain = (next: string) => !FLAG.test(next);
    const { takes } = known[flag]!;
    if (takes === 'nothing') {
      const given = value ?? (isOff ? undefined : take((next) => next === 'true' || next === 'false'));
      if (isOff && given !== undefined) throw new UsageError(`--${name} is ${quote(given)}, expected no value`);
      joined.push(`--${flag}=${given ?? !isOff}`);
      continue;
    }
    const isFree = takes === 'text' || takes === 'texts';
    const first = value ?? take(isFree ? () => true : isPlain);
    if (first === undefined) throw new UsageError(`--${flag} has no value, expected one`);
    if (takes !== 'words' && takes !== 'texts') {
      joined.push(`--${flag}=${first}`);
      continue;
    }
    for (let next: string | undefined = first; next !== undefined; next = take(isPlain)) {
      joined.push(...listElement(flag, next));
    }
  }
  const given = flagsAmong(joined);
  const missing = Object.keys(flags).find((flag) => flags[flag]?.demandOption && !given.has(flag));
  if (missing !== undefined && !given.has('help')) throw new UsageError(`--${missing} is missing, expected a value`);
  return joined;
}

/** Collects the names of the flags among joined words. */
export function flagsAmong(words: readonly string[]): Set<string> {
  return new Set(words.flatMap((word) => FLAG.exec(word)?.[1] ?? []));
}

/**
 * Refuses words where none is expected.
 *
 * @throws UsageError naming the first.
 */
export function refuseWords([word]: readonly string[]): void {
  if (word !== undefined) throw new UsageError(`stray word ${quote(word)}, expected none`);
}

/**
 * Refuses a name that no command has.
 *
 * @throws UsageError with the nearest command.
 */
export function checkCommand(name: string, commands: readonly string[]): void {
  const listed = `${commands.slice(0, -1).join(', ')} or ${commands.at(-1)}`;
  if (name.startsWith('-')) throw new UsageError(`command is missing, expected ${listed} before flags`);
  if (commands.includes(name)) return;
  throw new UsageError(`command is ${quote(name)}, expected ${listed}${hint(name, commands)}`);
}

/** Finds the name in the table; `isOff` when given as `--no-…`. */
function lookUp(name: string, flags: FlagTable): [flag: string, isOff: boolean] {
  if (Object.hasOwn(flags, name)) return [name, false];
  const negated = name.startsWith(NEGATION) ? name.slice(NEGATION.length) : '';
  if (Object.hasOwn(flags, negated) && flags[negated]?.takes === 'nothing') return [negated, true];
  throw unknownFlag(`--${name}`, flags);
}

function unknownFlag(word: string, flags: FlagTable): UsageError {
  const names = Object.keys(flags).map((name) => `--${name}`);
  return new UsageError(`unknown flag ${quote(word)}, expected one that --help lists${hint(word, names)}`);
}

function strayWord(word: string, positions: readonly string[]): UsageError {
  const stray = `stray word ${quote(word)}`;
  if (positions.length === 0) return new UsageError(`${stray}, expected flags that --help lists`);
  const taken = positions.map((name) => `--${name}`).join(' and ');
  return new UsageError(`${stray} after ${taken}, expected flags alone; several words are one value in quotes`);
}

function hint(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** Joins a flag with one value of its list, where yargs strips quotes and takes an empty value after `=` for no element. */
function listElement(flag: string, value: string): string[] {
  const isQuoted = /^["']/.test(value) && value.endsWith(value.charAt(0));
  return value === '' ? [`--${flag}`, ''] : [`--${flag}=${isQuoted ? `"${value}"` : value}`];
}
