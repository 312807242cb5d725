// A command: its flags, its examples and what it does as one value, so that reading words, help, completion and tests are the same for all.
import type { InferredOptionTypes } from 'yargs';
import { type CommandLine, type Example, type Flags, readCommandLine } from '../terminal/command-line.ts';

/** Command in the table of all. It is loaded when it is asked for: together they take seconds. */
export interface CommandEntry {
  /** A few words, as in the list of commands. */
  readonly purpose: string;
  readonly load: () => Promise<Command>;
}

/** Commands by name, in the order of the help. */
export type CommandTable = Readonly<Record<string, CommandEntry>>;

/** Runs a command to its end. @param commands all commands, for one that is about them. */
type Run = (signal: AbortSignal, commands: CommandTable) => Promise<unknown>;

/** Command, whatever its flags. */
export interface Command {
  readonly flags: Flags;
  /** Flags of which words without a flag are the values, by their names in the help: `serve MODEL` is `serve --model MODEL`. */
  readonly positions: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
  /**
   * Reads the words after the command's name: how it runs, or null after printing the help that was asked for.
   *
   * @throws as `readCommandLine`.
   */
  readonly prepare: (usage: string, words: readonly string[]) => Run | null;
}

/** A command as it is declared. */
interface CommandDeclaration<F extends Flags> extends Pick<CommandLine<F>, 'flags' | 'check' | 'idle'> {
  readonly positions?: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
  readonly run: (args: InferredOptionTypes<F>, signal: AbortSignal, commands: CommandTable) => Promise<unknown>;
}

/** Makes a command. */
export function defineCommand<F extends Flags>(declaration: CommandDeclaration<F>): Command {
  const { positions = {}, run, ...line } = declaration;
  return {
    ...{ flags: line.flags, positions, examples: line.examples },
    prepare: (usage, words) => {
      const args = readCommandLine({ ...line, usage, positions: Object.values(positions) }, words);
      return args === null ? null : (signal, commands) => run(args, signal, commands);
    },
  };
}
