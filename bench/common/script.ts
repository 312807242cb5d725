// Command line of a benchmark script: usage, flags and the rules between them are one value, so that reading the words,
// printing the help and ending the process are the same for every script.
import type { InferredOptionTypes, Options } from 'yargs';
import { type FlagTable, joinFlagValues } from '../../src/terminal/flag-words.ts';
import { type IdleFlags, tellOfIdleFlags } from '../../src/terminal/idle-flags.ts';
import { createParser } from '../../src/terminal/parser.ts';
import { runCommand } from '../../src/terminal/run-command.ts';

/** Flags of a script by name, without the dashes. */
export type ScriptFlags = FlagTable & { readonly [name: string]: Options };

/** Command line of a script. */
export interface Script<Flags extends ScriptFlags> {
  /** First lines of the help: the script's call and its purpose. */
  readonly usage: string;
  readonly flags: Flags;
  /** Refuses flags that contradict each other, with a UsageError. */
  readonly check?: (args: InferredOptionTypes<Flags>) => void;
  /** Flags that change nothing beside others, which stderr then says. */
  readonly idle?: readonly IdleFlags<InferredOptionTypes<Flags>>[];
}

/**
 * Reads the words of a command line: the value of each flag by name, or null after printing the help that was asked for.
 *
 * @throws UsageError naming the flag, its value and what was expected.
 */
export function parseScript<Flags extends ScriptFlags>(
  { usage, flags, check = () => {}, idle = [] }: Script<Flags>,
  argv: readonly string[],
): InferredOptionTypes<Flags> | null {
  const words = joinFlagValues(argv, flags);
  const args = readFlags(words, usage, flags);
  if (args === null) return null;
  check(args);
  tellOfIdleFlags(words, args, idle);
  return args;
}

/** Runs a script with the flags of this process, unless they ask for help; its errors name flags as its user knows them. */
export function runScript<Flags extends ScriptFlags>(
  script: Script<Flags>,
  run: (args: InferredOptionTypes<Flags>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return runCommand(async (signal) => {
    const args = parseScript(script, process.argv.slice(2));
    if (args !== null) await run(args, signal);
  }, script.flags);
}

function readFlags<Flags extends ScriptFlags>(
  words: readonly string[],
  usage: string,
  flags: Flags,
): InferredOptionTypes<Flags> | null;
function readFlags(words: readonly string[], usage: string, flags: ScriptFlags): object | null {
  const { _, $0: _script, help, ...args } = createParser(words).usage(usage).version(false).options(flags).parseSync();
  return help ? null : args;
}
