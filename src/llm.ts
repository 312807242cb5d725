// A model and its engine as one object, for callers who want text and no parts. It decides nothing: prompts become
// requests.
import type { SamplingOptions } from './core/sampling-params.ts';
import { deriveSeed } from './core/sampling-params.ts';
import type { ChatReply, ChatRequest } from './engine/chat.ts';
import { EMBEDDING_OPTIONS, type Embedding, type EmbeddingOptions, type EmbeddingRequest } from './engine/embedding.ts';
import type { Engine } from './engine/engine.ts';
import type { FinishedRequest, GenerationRequest } from './engine/request.ts';
import type { TextStream } from './engine/text-stream.ts';
import { GrammarCompiler } from './grammar/grammar-compiler.ts';
import type { StructuredOutput } from './grammar/structured-output.ts';
import type { LoadedModel } from './load-model.ts';
import type { ChatMessage } from './tokenizer/chat-template.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';
import { RangeValueError } from './util/errors.ts';
import { isRecord } from './util/keys.ts';
import { checkOptions } from './util/option-checks.ts';

/** A request that may ask for a form of its text. */
export interface PromptRequest extends GenerationRequest {
  /** Form that the text is held to, by a constraint made of it; by default any. */
  readonly structuredOutput?: StructuredOutput | undefined;
}

/** A chat's request that may ask for a form of its answer. */
export interface StructuredChatRequest extends ChatRequest {
  /** Form that the answer is held to; by default any. */
  readonly structuredOutput?: StructuredOutput | undefined;
}

/** Text to continue, or a whole request. */
export type Prompt = string | PromptRequest;

/** A loaded model with an engine on it, made by `load`. It owns both. */
export class LLM implements AsyncDisposable {
  /** The model: its configuration, sizes, memory and device. */
  readonly model: LoadedModel;
  /** The engine, for handles, choices, turns by hand and aborts. */
  readonly engine: Engine;
  readonly #owned: AsyncDisposable;
  #grammars: GrammarCompiler | null = null;

  /** @param owned Closes the engine and then the model; idempotent. */
  constructor(model: LoadedModel, engine: Engine, owned: AsyncDisposable) {
    this.model = model;
    this.engine = engine;
    this.#owned = owned;
  }

  /** The model's tokenizer; of ids only where its directory has no tokenizer.json. */
  get tokenizer(): Tokenizer {
    return this.model.tokenizer;
  }

  /**
   * Continues a prompt, or several at a time; the responses come in the order of the prompts. It resolves for a request
   * that was aborted or failed, too: see `finishReason`.
   *
   * @param sampling Parameters of all prompts. A request's own come first. Of a list, prompt i draws with
   * `deriveSeed(seed, i)`, so that a repeated prompt gives different texts.
   * @throws what `Engine.addRequest` throws, and what `GrammarCompiler.compile` does of a structured output; if one prompt of a list is
   * refused, none runs.
   */
  generate(prompt: Prompt, sampling?: SamplingOptions): Promise<FinishedRequest>;
  generate(prompts: readonly Prompt[], sampling?: SamplingOptions): Promise<FinishedRequest[]>;
  async generate(
    prompts: Prompt | readonly Prompt[],
    sampling: SamplingOptions = {},
  ): Promise<FinishedRequest | FinishedRequest[]> {
    checkSampling(sampling);
    if (!isList(prompts)) {
      const request = requestOf(prompts, sampling);
      return this.engine.generate(asksForForm(request) ? await this.#compiled(request) : request);
    }
    const { seed } = sampling;
    const requests = prompts.map((prompt, index) =>
      // A seed out of range is left for the request's own check.
      requestOf(prompt, Number.isSafeInteger(seed) ? { ...sampling, seed: deriveSeed(seed ?? 0, index) } : sampling),
    );
    const isAnyHeld = requests.some(asksForForm);
    return this.engine.generateBatch(
      isAnyHeld ? await Promise.all(requests.map((request) => this.#compiled(request))) : requests,
    );
  }

  /**
   * Continues a prompt and yields a piece of text per id as it arrives. Leaving the stream early aborts the request. A structured output is
   * read and compiled while the stream is open: one that cannot be kept ends it with `error`.
   *
   * @param sampling Parameters; a request's own come first.
   * @throws what `Engine.stream` throws.
   */
  stream(prompt: Prompt, sampling: SamplingOptions = {}): TextStream {
    checkSampling(sampling);
    const { structuredOutput, ...request } = requestOf(prompt, sampling);
    if (structuredOutput === undefined) return this.engine.stream(request);
    return this.engine.stream({ ...request, constraint: this.#compiler.constraint(structuredOutput) });
  }

  /**
   * Computes the embedding of a prompt, or those of several at a time, in their order; see `Engine.embed`.
   *
   * @param options of all prompts. A request's own come first.
   * @throws what `Engine.embed` throws; if one prompt of a list is refused, none runs.
   */
  embed(prompt: string | EmbeddingRequest, options?: EmbeddingOptions): Promise<Embedding>;
  embed(prompts: readonly (string | EmbeddingRequest)[], options?: EmbeddingOptions): Promise<Embedding[]>;
  async embed(
    prompts: string | EmbeddingRequest | readonly (string | EmbeddingRequest)[],
    options: EmbeddingOptions = {},
  ): Promise<Embedding | Embedding[]> {
    checkOptions('options of embed', options, EMBEDDING_OPTIONS);
    const whole = (prompt: string | EmbeddingRequest): EmbeddingRequest => ({
      ...options,
      ...(typeof prompt === 'string' ? { prompt } : checkedRequest(prompt)),
    });
    return isList(prompts) ? this.engine.embedBatch(prompts.map(whole)) : this.engine.embed(whole(prompts));
  }

  /**
   * Answers a chat by the model's template; see `Engine.chat`. `engine.streamChat` yields the answer as it arrives.
   *
   * @throws what `Engine.chat` throws, and what `GrammarCompiler.compile` does of a structured output.
   */
  async chat(messages: readonly ChatMessage[], request?: StructuredChatRequest): Promise<ChatReply> {
    if (request?.structuredOutput === undefined) return this.engine.chat(messages, request);
    const { structuredOutput, ...rest } = request;
    checkAlone(request);
    return this.engine.chat(messages, { ...rest, constraint: await this.#compiler.compile(structuredOutput) });
  }

  /** Closes the engine, which aborts what is unfinished, and then the model. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.#owned[Symbol.asyncDispose]();
    } finally {
      await this.#grammars?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Compiles the form that a request asks for. */
  async #compiled({ structuredOutput, ...request }: PromptRequest): Promise<GenerationRequest> {
    if (structuredOutput === undefined) return request;
    return { ...request, constraint: await this.#compiler.compile(structuredOutput) };
  }

  /** The compiler of the forms that requests ask for, opened with the first. */
  get #compiler(): GrammarCompiler {
    const { tokenizer, config, runner } = this.model;
    this.#grammars ??= new GrammarCompiler({ tokenizer, vocabSize: config.vocabSize, eosIds: runner.eosIds });
    return this.#grammars;
  }
}

/** Makes a request of a prompt. */
function requestOf(prompt: Prompt, sampling: SamplingOptions): PromptRequest {
  if (typeof prompt === 'string') return { prompt, sampling };
  const own = checkedRequest(prompt).sampling;
  if (asksForForm(prompt)) checkAlone(prompt);
  // Anything but an object is left for the request's own check.
  return own === undefined || isRecord(own) ? { ...prompt, sampling: { ...sampling, ...own } } : prompt;
}

function asksForForm({ structuredOutput }: PromptRequest): boolean {
  return structuredOutput !== undefined;
}

/** Refuses a constraint beside a structured output, of which one is made. */
function checkAlone({ constraint }: Pick<GenerationRequest, 'constraint'>): void {
  if (constraint !== undefined) throw new RangeValueError('constraint', constraint, 'none beside structuredOutput');
}

/** Returns a request that is an object: what is in it is the engine's to check. */
function checkedRequest<R extends object>(request: R): R {
  if (!isRecord(request)) throw new RangeValueError('prompt', request, 'text, a request, or a list of these');
  return request;
}

function checkSampling(sampling: unknown): void {
  if (!isRecord(sampling)) throw new RangeValueError('sampling', sampling, 'an object');
}

function isList<P extends string | object>(prompts: P | readonly P[]): prompts is readonly P[] {
  return Array.isArray(prompts);
}
