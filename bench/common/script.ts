// A benchmark script as a process: its command line is read as that of a command.
import type { InferredOptionTypes } from 'yargs';
import { type CommandLine, type Flags, readCommandLine } from '../../src/terminal/command-line.ts';
import { runCommand } from '../../src/terminal/run-command.ts';

/** Command line of a script. */
export type Script<F extends Flags> = CommandLine<F>;

/** Runs a script with the flags of this process, unless they ask for help; its errors name flags as its user knows them. */
export function runScript<F extends Flags>(
  script: Script<F>,
  run: (args: InferredOptionTypes<F>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return runCommand(async (signal) => {
    const args = readCommandLine(script, process.argv.slice(2));
    if (args !== null) await run(args, signal);
  }, script.flags);
}
