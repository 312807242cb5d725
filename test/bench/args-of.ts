// Values of the flags of a command line in a test, for a command line that runs.
import type { InferredOptionTypes } from 'yargs';
import { type CommandLine, type Flags, readCommandLine } from '../../src/terminal/command-line.ts';

/** Reads a command line that does not ask for help. */
export function argsOf<F extends Flags>(script: CommandLine<F>, ...argv: readonly string[]): InferredOptionTypes<F> {
  const args = readCommandLine(script, argv);
  if (args === null) throw new Error('help was asked for');
  return args;
}
