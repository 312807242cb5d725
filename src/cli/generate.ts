// `roseinfer generate`: one prompt in, its completion streamed to stdout; everything else goes to stderr.
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { InferredOptionTypes } from 'yargs';
import type { SamplingOptions } from '../core/sampling-params.ts';
import { chatRequest } from '../engine/chat.ts';
import { Engine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/engine-options.ts';
import { NoChatTemplateError } from '../engine/errors.ts';
import type { FinishedRequest } from '../engine/request.ts';
import { modelFiles } from '../models/model-files.ts';
import { UsageError } from '../terminal/flag-words.ts';
import {
  integerFlag,
  modelFlags,
  modelOptions,
  optionalFlags,
  penaltyFlags,
  samplingFlags,
  seedFlag,
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

/** The flags of `roseinfer generate`. */
export const generateFlags = {
  prompt: { ...textFlag('prompt'), demandOption: true as const, describe: 'text to continue; - reads it from stdin' },
  chat: { ...switchFlag('chat'), describe: 'answer the prompt, a message, by the chat template of the model' },
  system: { ...textFlag('system'), describe: 'message of the system before the prompt, in a chat' },
  'max-new-tokens': {
    ...integerFlag('max-new-tokens', 1),
    defaultDescription: '100, or what the context has room for',
    describe: 'most tokens to generate',
  },
  ...optionalFlags(samplingFlags),
  ...optionalFlags(penaltyFlags),
  seed: { ...seedFlag('seed'), defaultDescription: 'drawn', describe: 'same seed, same text' },
  ...modelFlags,
  ...tuneFlag,
  ...traceFlag,
  verbose: { ...switchFlag('verbose'), describe: 'print memory, model, speed and seed on stderr' },
};

/** Values of the flags of `roseinfer generate`. */
export type GenerateArgs = InferredOptionTypes<typeof generateFlags>;

const DEFAULT_MAX_NEW_TOKENS = 100;

/**
 * Streams the completion of a prompt to stdout.
 *
 * @throws UsageError for a message of the system outside of a chat; NoChatTemplateError for a chat with a model that has no template.
 */
export async function generate(args: GenerateArgs, signal: AbortSignal): Promise<void> {
  if (args.system !== undefined && !args.chat) throw new UsageError('--system is without --chat, expected both');
  await checkOutputs({ '--trace': args.trace }, { '--model': await modelFiles(args.model) });
  await using trace = args.trace === undefined ? null : new TraceFile(args.trace, signal);
  const prompt = args.prompt === '-' ? withoutLineEnd(await text(addAbortSignal(signal, process.stdin))) : args.prompt;
  using status = new StatusLine(process.stderr);
  const log = args.verbose ? console.error : () => {};
  await using model = await openModel(args.model, {
    ...modelOptions(args),
    tune: args.tune,
    maxBatchSize: 1,
    signal,
    status,
    log,
  });
  if (args.chat && model.chat === undefined) throw new NoChatTemplateError(modelName(args.model));
  trace?.describe(modelName(args.model), model);
  const sampling = {
    maxTokens: args['max-new-tokens'],
    temperature: args.temperature,
    topK: args['top-k'],
    topP: args['top-p'],
    minP: args['min-p'],
    repetitionPenalty: args['repetition-penalty'],
    presencePenalty: args['presence-penalty'],
    frequencyPenalty: args['frequency-penalty'],
    minTokens: args['min-tokens'],
    stop: args.stop,
    seed: args.seed,
    ignoreEos: args['ignore-eos'],
  };
  const { runner, tokenizer, chat } = model;
  const engine = { runner, tokenizer, chat, ...trace?.watch('generate') };
  const request = { prompt: args.chat ? messagesOf(prompt, args.system) : prompt, sampling, signal };
  const response = await streamText(engine, request, (piece) => process.stdout.write(piece));
  log(describeResponse(response));
}

function messagesOf(prompt: string, system: string | undefined): ChatMessage[] {
  const message: ChatMessage = { role: 'user', content: prompt };
  return system === undefined ? [message] : [{ role: 'system', content: system }, message];
}

/** A prompt or a chat, and how to continue it. */
export interface TextRequest {
  readonly prompt: string | readonly ChatMessage[];
  /** Without `maxTokens`: 100, or what the context has room for. */
  readonly sampling: SamplingOptions;
  readonly signal: AbortSignal;
}

/**
 * Writes a completion as it arrives, and a line end after it.
 *
 * @throws what `Engine.stream` throws, and the signal's reason.
 */
export async function streamText(
  options: EngineOptions & { readonly tokenizer: Tokenizer },
  { prompt, sampling, signal }: TextRequest,
  write: (text: string) => void,
): Promise<FinishedRequest> {
  const { runner, tokenizer, chat } = options;
  await using engine = new Engine(options);
  const request =
    typeof prompt === 'string'
      ? { promptIds: tokenizer.encode(prompt), sampling }
      : await chatRequest(chat, prompt, { sampling });
  const room = runner.limits.maxModelLen - Math.max(request.promptIds.length, 1);
  const maxTokens = sampling.maxTokens ?? Math.max(1, Math.min(DEFAULT_MAX_NEW_TOKENS, room));
  const stream = engine.stream({ ...request, sampling: { ...request.sampling, maxTokens }, signal });
  try {
    let next = await stream.next();
    for (; !next.done; next = await stream.next()) write(next.value.text);
    signal.throwIfAborted();
    return next.value;
  } finally {
    write('\n');
  }
}

function describeResponse(response: FinishedRequest): string {
  const { promptTokens, ids, seed, finishReason, stopReason, timings } = response;
  const seconds = timings.e2e / 1000;
  const speed = (ids.length / seconds).toFixed(2);
  return (
    `generated: ${ids.length} tokens after ${promptTokens} in ${seconds.toFixed(2)} s · ${speed} tokens/s · ` +
    `seed ${seed} · ended by ${finishReason}${stopReason === null ? '' : ` ${JSON.stringify(stopReason)}`}`
  );
}

/** Removes the line end that `echo` adds to a prompt. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
