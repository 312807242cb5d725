// The command `roseinfer`: finds the command by its first word, reads the flags from that command's table, and runs it.
import type { Argv, Options } from 'yargs';
import { checkCommand, type FlagTable, joinFlagValues } from '../terminal/flag-words.ts';
import { drawFlagNames, type IdleFlags, tellOfIdleFlags } from '../terminal/idle-flags.ts';
import { createParser } from '../terminal/parser.ts';
import { runCommand } from '../terminal/run-command.ts';
import { packageVersion } from '../util/package-info.ts';
import { batch, batchFlags } from './batch.ts';
import { completion, completionFlags } from './completion.ts';
import { doctor, doctorFlags } from './doctor.ts';
import { type GenerateArgs, generate, generateFlags } from './generate.ts';
import { models, modelsFlags } from './models.ts';
import { pull, pullFlags } from './pull.ts';
import { serve } from './serve.ts';
import { serveFlags } from './serve-flags.ts';

/** Flags by command. */
const flags = {
  generate: generateFlags,
  batch: batchFlags,
  serve: serveFlags,
  pull: pullFlags,
  models: modelsFlags,
  doctor: doctorFlags,
  completion: completionFlags,
};
/** The flags of which words without a flag are the values, in order: `serve MODEL` is `serve --model MODEL`. */
const POSITIONS: Readonly<Record<string, readonly string[]>> = {
  generate: ['prompt'],
  batch: ['input', 'output'],
  serve: ['model'],
  pull: ['repo'],
  completion: ['shell'],
};
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

const GENERATE_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer generate "Once upon a time" --seed 7', 'the same text each time'],
  ['roseinfer generate --file story.txt --max-new-tokens 50 -n 3 --json', 'three ways to go on, each as JSON'],
  ['roseinfer generate --temperature 0 < story.txt | head -1', 'from stdin, into a pipe'],
  ['roseinfer generate -- "--- a prompt that begins with dashes"', 'after -- no word is a flag'],
];

const BATCH_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer batch calls.jsonl results.jsonl', 'goes on where it was when the same command is given again'],
  ['roseinfer batch calls.jsonl results.jsonl --ordered --seed 1', 'results in the order of the calls'],
  ['roseinfer batch - - < calls.jsonl | jq .response.body', 'as a part of a pipe, from its beginning each time'],
];

const SERVE_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer serve weights/tales', 'the bundled model at http://127.0.0.1:8000/v1'],
  ['roseinfer serve FILE.gguf --port 9000 --served-model-name smol', 'a GGUF file under a name of its own'],
  ['roseinfer serve DIR --host 0.0.0.0 --api-key-file keys.txt', 'to others, who have to show a key'],
];

const PULL_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer pull openai-community/gpt2', 'GPT-2, from then on --model openai-community/gpt2'],
  ['roseinfer pull OWNER/NAME --revision v1.0', 'a tag, from then on --model OWNER/NAME@v1.0'],
  ['roseinfer pull OWNER/NAME/FILE.gguf', 'one of the GGUF files of a repository'],
];

const MODELS_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer models', 'what is there, and whether it runs here'],
  ['roseinfer models --json', 'the same for programs'],
];

const DOCTOR_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['roseinfer doctor', 'at the shapes of the bundled model'],
  ['roseinfer doctor --model random:gpt2 --json', 'at those of another, for a bug report'],
];

const COMPLETION_EXAMPLES: readonly [call: string, meaning: string][] = [
  ['source <(roseinfer completion bash)', 'in ~/.bashrc'],
  ['source <(roseinfer completion zsh)', 'in ~/.zshrc'],
];

/** Reads the words of the command line; without any it asks for help. */
function readWords([first = '--help', ...rest]: readonly string[]): string[] {
  if (QUESTIONS.includes(first)) return [first];
  checkCommand(first, Object.keys(flags));
  return [first, ...joinFlagValues(rest, tables[first] ?? {}, POSITIONS[first])];
}

await runCommand(
  async (signal) => {
    let outcome: unknown;
    const words = readWords(process.argv.slice(2));
    await createParser(words)
      .scriptName('roseinfer')
      .version(packageVersion())
      .command('generate', 'continue a text', command(flags.generate, GENERATE_EXAMPLES), (args) => {
        tellOfIdleFlags(words, args, IDLE);
        return generate(args, signal);
      })
      .command('batch', 'answer the calls of a file', command(flags.batch, BATCH_EXAMPLES), (args) =>
        batch(args, signal),
      )
      .command('serve', 'answer calls of OpenAI clients', command(flags.serve, SERVE_EXAMPLES), async (args) => {
        outcome = await serve(args, signal);
      })
      .command('pull', 'bring a model of the Hugging Face hub', command(flags.pull, PULL_EXAMPLES), (args) =>
        pull(args, signal),
      )
      .command('models', 'list the models that are here', command(flags.models, MODELS_EXAMPLES), (args) =>
        models(args, signal),
      )
      .command('doctor', 'check the adapter and every kernel on it', command(flags.doctor, DOCTOR_EXAMPLES), (args) =>
        doctor(args, signal),
      )
      .command('completion', 'print a script for a shell', command(flags.completion, COMPLETION_EXAMPLES), (args) =>
        completion(args, flags),
      )
      .parseAsync();
    return outcome;
  },
  tables[process.argv[2] ?? ''],
);
