// The command `roseinfer`: finds the command by its first word, reads the flags from that command's table, and runs it.
import type { Argv, Options } from 'yargs';
import { checkCommand, type FlagTable, joinFlagValues } from '../terminal/flag-words.ts';
import { drawFlagNames, type IdleFlags, tellOfIdleFlags } from '../terminal/idle-flags.ts';
import { createParser } from '../terminal/parser.ts';
import { runCommand } from '../terminal/run-command.ts';
import { packageVersion } from '../util/package-info.ts';
import { doctor, doctorFlags } from './doctor.ts';
import { type GenerateArgs, generate, generateFlags } from './generate.ts';

/** Flags by command. */
const flags = { generate: generateFlags, doctor: doctorFlags };
const tables: Readonly<Record<string, FlagTable>> = flags;
/** Flags that stand without a command. */
const QUESTIONS = ['--help', '--version'];

/** Flags of `generate` that change nothing beside others. */
const IDLE: readonly IdleFlags<GenerateArgs>[] = [
  { flags: [...drawFlagNames, 'seed'], isIdle: ({ temperature }) => temperature === 0, why: 'at --temperature 0' },
];

/** Declares the flags of a command, which has no version of its own. */
const command =
  <F extends Record<string, Options>>(ofCommand: F) =>
  (parser: Argv) =>
    parser.version(false).options(ofCommand);

/** Reads the words of the command line; without any it asks for help. */
function readWords([first = '--help', ...rest]: readonly string[]): string[] {
  if (QUESTIONS.includes(first)) return [first];
  checkCommand(first, Object.keys(flags));
  return [first, ...joinFlagValues(rest, tables[first] ?? {})];
}

await runCommand(
  async (signal) => {
    const words = readWords(process.argv.slice(2));
    await createParser(words)
      .scriptName('roseinfer')
      .version(packageVersion())
      .command('generate', 'continue a text', command(flags.generate), (args) => {
        tellOfIdleFlags(words, args, IDLE);
        return generate(args, signal);
      })
      .command('doctor', 'check the adapter and every kernel on it', command(flags.doctor), (args) =>
        doctor(args, signal),
      )
      .parseAsync();
  },
  { ...generateFlags, ...doctorFlags },
);
