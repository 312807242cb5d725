// `roseinfer generate`: one prompt in, its completions on stdout, as they come; everything else goes to stderr.
import type { InferredOptionTypes } from 'yargs';
import type { Constraint } from '../core/constraint.ts';
import { deriveSeed, type SamplingOptions } from '../core/sampling-params.ts';
import { chatRequest } from '../engine/chat.ts';
import { Engine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/engine-options.ts';
import { NoChatTemplateError } from '../engine/errors.ts';
import type { FinishedRequest } from '../engine/request.ts';
import { GrammarCompiler } from '../grammar/grammar-compiler.ts';
import type { LoadedModel } from '../load-model.ts';
import { modelFiles } from '../models/model-files.ts';
import { UsageError } from '../terminal/flag-words.ts';
import {
  chatTemplateFlag,
  integerFlag,
  modelFlags,
  modelOptions,
  nameFlag,
  quietFlag,
  switchFlag,
  textFlag,
  traceFlag,
  tuneFlag,
} from '../terminal/flags.ts';
import { modelName, openModel } from '../terminal/open-model.ts';
import { checkOutputs } from '../terminal/output-file.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { TraceFile } from '../terminal/trace-file.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { count } from '../util/count.ts';
import { drawSeed } from '../util/rng.ts';
import { defineCommand } from './command.ts';
import { type CompletionWriter, jsonWriter, logprobsWriter, plainWriter } from './generate/completion-writers.ts';
import { CutJsonError, isCutJson } from './generate/cut-json.ts';
import { readPrompt } from './generate/read-prompt.ts';
import { readSchema } from './generate/read-schema.ts';
import { generationFlags, idleGenerationFlags, samplingOf } from './generation-flags.ts';

/** The flags of `roseinfer generate`. */
const generateFlags = {
  prompt: {
    ...textFlag('prompt'),
    defaultDescription: 'stdin',
    describe: 'text to continue, when no PROMPT is given; - reads it from stdin',
  },
  file: { ...nameFlag('file'), describe: 'file with the text to continue' },
  chat: { ...switchFlag('chat'), describe: 'answer the prompt, a message, by the chat template of the model' },
  system: { ...textFlag('system'), describe: 'system message before the prompt, with --chat' },
  ...generationFlags,
  'max-new-tokens': {
    ...generationFlags['max-new-tokens'],
    defaultDescription: '100, or what the context has room for; that with --schema',
  },
  schema: { ...nameFlag('schema'), describe: 'file with a JSON Schema: the completion is JSON that fits it' },
  n: { ...integerFlag('n', 1), defaultDescription: '1', describe: 'completions of the prompt, in one batch' },
  json: { ...switchFlag('json'), describe: 'print each completion as a JSON object on a line of its own' },
  'show-logprobs': {
    ...switchFlag('show-logprobs'),
    describe: 'show how likely each token was: by colours on a terminal, else in a table',
  },
  ...modelFlags,
  ...chatTemplateFlag,
  ...tuneFlag,
  ...traceFlag,
  verbose: { ...switchFlag('verbose'), describe: 'print memory, model, speed and seed on stderr' },
  ...quietFlag,
};

/** Values of the flags of `roseinfer generate`. */
type GenerateArgs = InferredOptionTypes<typeof generateFlags>;

const DEFAULT_MAX_NEW_TOKENS = 100;
const MAX_BATCH_SIZE = 8;
/** Longest compilation of a schema, in milliseconds: no other request waits for it. */
const MAX_COMPILE_MS = 30_000;

/**
 * Streams the completion of a prompt to stdout.
 *
 * @throws UsageError for a schema that no text can be held to; NoChatTemplateError for a chat with a model that has no template;
 * CutJsonError for JSON that was cut.
 */
async function generate(args: GenerateArgs, signal: AbortSignal): Promise<void> {
  const { file, schema: schemaFile, 'chat-template': template } = args;
  const inputs = { '--file': file, '--schema': schemaFile, '--chat-template': template };
  await checkOutputs({ '--trace': args.trace }, { '--model': await modelFiles(args.model), ...inputs });
  const { n = 1, json = false } = args;
  const schema = schemaFile === undefined ? null : await readSchema(schemaFile, signal);
  const prompt = await readPrompt(args, signal);
  await using trace = args.trace === undefined ? null : new TraceFile(args.trace, signal);
  using status = StatusLine.of(args);
  await using model = await openModel(args.model, {
    ...modelOptions(args),
    chatTemplate: args['chat-template'],
    tune: args.tune,
    maxBatchSize: Math.min(n, MAX_BATCH_SIZE),
    signal,
    status,
    log: (line) => args.verbose && status.say(line),
  });
  if (args.chat && model.chat === undefined) throw new NoChatTemplateError(modelName(args.model));
  trace?.describe(modelName(args.model), model);
  const sampling = { ...samplingOf(args), logprobs: args['show-logprobs'] ? 0 : undefined };
  const { runner, tokenizer, chat } = model;
  const engine = { runner, tokenizer, chat, ...trace?.watch('generate') };
  await using grammars = schema === null ? null : compilerFor(model);
  const constraint = schema === null ? undefined : await grammars?.compile(schema);
  const request = { prompt: args.chat ? messagesOf(prompt, args.system) : prompt, sampling, constraint, n, signal };
  const print = (text: string) => void process.stdout.write(text);
  const writer = json
    ? jsonWriter(print)
    : args['show-logprobs']
      ? logprobsWriter(tokenizer, print)
      : plainWriter(print);
  const responses = await streamText(engine, request, writer);
  if (args.verbose || process.stderr.isTTY) status.say(describeResponses(responses));
  const cut = schema === null ? undefined : responses.find(isCutJson);
  if (cut !== undefined) throw new CutJsonError(cut);
}

function compilerFor({ tokenizer, config, runner }: LoadedModel): GrammarCompiler {
  const { vocabSize } = config;
  return new GrammarCompiler({ tokenizer, vocabSize, eosIds: runner.eosIds, maxCompileMs: MAX_COMPILE_MS });
}

function messagesOf(prompt: string, system: string | undefined): ChatMessage[] {
  const message: ChatMessage = { role: 'user', content: prompt };
  return system === undefined ? [message] : [{ role: 'system', content: system }, message];
}

/** A prompt or a chat, and how to continue it. */
export interface TextRequest {
  readonly prompt: string | readonly ChatMessage[];
  /** Without `maxTokens`: 100, or what the context has room for; that with a constraint. */
  readonly sampling: SamplingOptions;
  /** Rule for the ids, by default any. */
  readonly constraint?: Constraint | undefined;
  /** Completions; of several, each draws with `deriveSeed(seed, index)`. */
  readonly n: number;
  readonly signal: AbortSignal;
}

/**
 * Writes completions one after another, each as it arrives or has arrived.
 *
 * @throws what `Engine.stream` throws, and the signal's reason.
 */
export async function streamText(
  options: EngineOptions & { readonly tokenizer: Tokenizer },
  { prompt, sampling, constraint, n, signal }: TextRequest,
  writer: CompletionWriter,
): Promise<FinishedRequest[]> {
  const { runner, tokenizer, chat } = options;
  await using engine = new Engine(options);
  const request =
    typeof prompt === 'string'
      ? { promptIds: tokenizer.encode(prompt), sampling, constraint }
      : await chatRequest(chat, prompt, { sampling, constraint });
  const room = runner.limits.maxModelLen - Math.max(request.promptIds.length, 1);
  const usual = constraint === undefined ? DEFAULT_MAX_NEW_TOKENS : room;
  const maxTokens = sampling.maxTokens ?? Math.max(1, Math.min(usual, room));
  const seed = sampling.seed ?? drawSeed();
  const streams = Array.from({ length: n }, (_, index) => {
    const ownSeed = n === 1 ? seed : deriveSeed(seed, index);
    return engine.stream({ ...request, sampling: { ...request.sampling, maxTokens, seed: ownSeed }, signal });
  });
  const responses: FinishedRequest[] = [];
  for (const [index, stream] of streams.entries()) {
    let response: FinishedRequest | null = null;
    try {
      let next = await stream.next();
      for (; !next.done; next = await stream.next()) writer.piece(next.value);
      signal.throwIfAborted();
      response = next.value;
      responses.push(response);
    } finally {
      writer.end(index, response);
    }
  }
  return responses;
}

function describeResponses(responses: readonly FinishedRequest[]): string {
  const numTokens = responses.reduce((sum, { ids }) => sum + ids.length, 0);
  const seconds = Math.max(...responses.map(({ timings }) => timings.e2e)) / 1000;
  const [{ promptTokens, seed, finishReason, stopReason }] = [responses[0]!];
  const end = ` · ended by ${finishReason}${stopReason === null ? '' : ` ${JSON.stringify(stopReason)}`}`;
  return (
    `generated: ${count(numTokens, 'token')} after ${promptTokens} in ${seconds.toFixed(2)} s · ${(numTokens / seconds).toFixed(2)} tokens/s` +
    (responses.length === 1 ? ` · seed ${seed}${end}` : ` · ${responses.length} completions`)
  );
}

/** The command `roseinfer generate`. */
export const generateCommand = defineCommand({
  flags: generateFlags,
  positions: { PROMPT: 'prompt' },
  examples: [
    ['roseinfer generate "Once upon a time" --seed 7', 'the same text each time'],
    ['roseinfer generate --file story.txt --max-new-tokens 50 -n 3 --json', 'three continuations, each as JSON'],
    ['roseinfer generate "A king who" --schema hero.json', 'JSON that fits the schema of a file'],
    ['roseinfer generate --temperature 0 < story.txt | head -1', 'from stdin, into a pipe'],
    ['roseinfer generate -- "--- a prompt that begins with dashes"', 'after -- no word is a flag'],
  ],
  check: ({ chat, ...args }) => {
    if (chat) return;
    const alone = (['system', 'chat-template'] as const).find((flag) => args[flag] !== undefined);
    if (alone !== undefined) throw new UsageError(`--${alone} is without --chat, expected both`);
  },
  idle: idleGenerationFlags,
  run: generate,
});
