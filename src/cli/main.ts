// The command `roseinfer`: finds the command by its first word, reads the flags from that command's table, and runs it.
import type { Argv, Options } from 'yargs';
import { checkCommand, type FlagTable, joinFlagValues } from '../terminal/flag-words.ts';
import { drawFlagNames, type IdleFlags, tellOfIdleFlags } from '../terminal/idle-flags.ts';
import { createParser } from '../terminal/parser.ts';
import { runCommand } from '../terminal/run-command.ts';
import { packageVersion } from '../util/package-info.ts';
import { doctor, doctorFlags } from './doctor.ts';
import { type GenerateArgs, generate, generateFlags } from './generate.ts';
import { serve } from './serve.ts';
import { serveFlags } from './serve-flags.ts';

/** Flags by command. */
const flags = { generate: generateFlags, serve: serveFlags, doctor: doctorFlags };
const tables: Readonly<Record<string, FlagTable>> = flags;
/** Flags that stand without a command. */
const QUESTIONS = ['--help', '--version'];

/** Flags of `generate` that change nothing beside others. */
const IDLE: readonly IdleFlags<GenerateArgs>[] = [
  { flags: [...drawFlagNames, 'seed'], isIdle: ({ temperature }) => temperature === 0, why: 'at --temperature 0' },
];

/** Declares the flags of a command, which has no version of its own, and calls of it as examples. */
const command =
  <F extends Record<string, Options>>(ofCommand: F, examples: readonly [call: string, meaning: string][] = []) =>
  (parser: Argv) =>
    parser.version(false).options(ofCommand).example(examples);

const SERVE_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer serve weights/tales', 'the bundled model at http://127.0.0.1:8000/v1'],
  ['roseinfer serve FILE.gguf --port 9000 --served-model-name smol', 'a GGUF file under a name of its own'],
  ['roseinfer serve DIR --host 0.0.0.0 --api-key-file keys.txt', 'to others, who have to show a key'],
];

/** Reads the words of the command line; without any it asks for help. */
function readWords([first = '--help', ...rest]: readonly string[]): string[] {
  if (QUESTIONS.includes(first)) return [first];
  checkCommand(first, Object.keys(flags));
  const [model, ...others] = rest;
  // `serve MODEL` is `serve --model MODEL`.
  const words =
    first === 'serve' && model !== undefined && !model.startsWith('-') ? ['--model', model, ...others] : rest;
  return [first, ...joinFlagValues(words, tables[first] ?? {})];
}

await runCommand(
  async (signal) => {
    let outcome: unknown;
    const words = readWords(process.argv.slice(2));
    await createParser(words)
      .scriptName('roseinfer')
      .version(packageVersion())
      .command('generate', 'continue a text', command(flags.generate), (args) => {
        tellOfIdleFlags(words, args, IDLE);
        return generate(args, signal);
      })
      .command('serve', 'answer calls of OpenAI clients', command(flags.serve, SERVE_EXAMPLES), async (args) => {
        outcome = await serve(args, signal);
      })
      .command('doctor', 'check the adapter and every kernel on it', command(flags.doctor), (args) =>
        doctor(args, signal),
      )
      .parseAsync();
    return outcome;
  },
  { ...generateFlags, ...serveFlags, ...doctorFlags },
);
