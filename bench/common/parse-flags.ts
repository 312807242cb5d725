import type { InferredOptionTypes, Options } from 'yargs';
import { type FlagTable, joinFlagValues } from '../../src/terminal/flag-words.ts';
import { createParser } from '../../src/terminal/parser.ts';

type Flags = FlagTable & { readonly [name: string]: Options };

/**
 * Reads the command line of a benchmark; null when it asked for help, which has been printed then.
 *
 * @throws UsageError naming the flag, its value and what was expected.
 */
export function parseFlags<F extends Flags>(
  argv: readonly string[],
  usage: string,
  flags: F,
): InferredOptionTypes<F> | null;
export function parseFlags(argv: readonly string[], usage: string, flags: Flags): object | null {
  const parser = createParser(joinFlagValues(argv, flags)).usage(usage).version(false).options(flags);
  const { _, $0: _script, help, ...args } = parser.parseSync();
  return help ? null : args;
}
