// A command line as one value: usage, flags and the rules between them, so that reading the words and printing the help are
// the same for every command and every script.
import type { InferredOptionTypes, Options } from 'yargs';
import { type FlagTable, joinFlagValues } from './flag-words.ts';
import { type IdleFlags, tellOfIdleFlags } from './idle-flags.ts';
import { createParser } from './parser.ts';

/** Flags by name, without the dashes. */
export type Flags = FlagTable & { readonly [name: string]: Options };

/** A call, and what it is good for. */
export type Example = readonly [call: string, meaning: string];

/** Command line of a command or a script. */
export interface CommandLine<F extends Flags> {
  /** First lines of the help: the call and its purpose. */
  readonly usage: string;
  readonly flags: F;
  /** Flags of which words without a flag are the values, in order; none by default. */
  readonly positions?: readonly string[];
  readonly examples?: readonly Example[];
  /** Refuses flags that contradict each other, with a UsageError. */
  readonly check?: (args: InferredOptionTypes<F>) => void;
  /** Flags that change nothing beside others, which stderr then says. */
  readonly idle?: readonly IdleFlags<InferredOptionTypes<F>>[];
}

/**
 * Reads the words of a command line: the value of each flag by name, or null after printing the help that was asked for.
 *
 * @throws UsageError or RangeValueError naming the flag, its value and what was expected.
 */
export function readCommandLine<F extends Flags>(
  { usage, flags, positions = [], examples = [], check = () => {}, idle = [] }: CommandLine<F>,
  argv: readonly string[],
): InferredOptionTypes<F> | null {
  const words = joinFlagValues(argv, flags, positions);
  const args = readFlags(words, { usage, examples }, flags);
  if (args === null) return null;
  check(args);
  tellOfIdleFlags(words, args, idle);
  return args;
}

/** Texts of the help besides the flags. */
interface Help {
  readonly usage: string;
  readonly examples: readonly Example[];
}

function readFlags<F extends Flags>(words: readonly string[], help: Help, flags: F): InferredOptionTypes<F> | null;
function readFlags(words: readonly string[], { usage, examples }: Help, flags: Flags): object | null {
  const calls = examples.map(([call, meaning]): [string, string] => [call, meaning]);
  const parser = createParser(words).usage(usage).version(false).options(flags).example(calls);
  const { _, $0: _program, help, ...args } = parser.parseSync();
  return help ? null : args;
}
