// The model of a provider: opened by the first call that needs it, and closed only where it was opened here. So is the compiler of
// structured outputs, which calls under way need until they end.
import type { Constraint } from '../core/constraint.ts';
import type { ModelLimits } from '../core/runner.ts';
import type { ChatFormat } from '../engine/chat.ts';
import type { Engine } from '../engine/engine.ts';
import { uniteEosIds } from '../engine/eos-ids.ts';
import type { GenerationRequest } from '../engine/request.ts';
import { rolesChat } from '../engine/roles-chat.ts';
import { GrammarClosedError } from '../grammar/errors.ts';
import { GrammarCompiler } from '../grammar/grammar-compiler.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import type { LLM } from '../llm.ts';
import { load } from '../load.ts';
import { fingerprintOf, hashModel } from '../models/fingerprint.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ProviderClosedError } from './errors.ts';
import type { EngineModel, RoseinferOptions } from './provider-options.ts';

/** Longest compilation of a schema, in milliseconds: those of the application's own may take longer than those of strangers. */
const MAX_COMPILE_MS = 10_000;

/** A model that answers. */
export interface OpenModel {
  readonly engine: Engine;
  readonly limits: ModelLimits;
  /** Tokens that end an answer. */
  readonly eosIds: readonly number[];
  readonly tokenizer: Tokenizer;
  /** The model's way to write chats, or by roles. */
  readonly chat: ChatFormat;
  readonly fingerprint: string | null;
}

/** The model of a provider, open or not yet. */
export class ModelSource {
  readonly #options: RoseinferOptions;
  #opening: Promise<OpenModel> | null = null;
  /** Null unless it was loaded here. */
  #owned: LLM | null = null;
  #compiler: GrammarCompiler | null = null;
  /** Ends of the calls under way that have a structured output. */
  readonly #held = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: RoseinferOptions) {
    this.#options = options;
  }

  /**
   * Opens the model, or joins the call that does; one that comes after a failure tries again.
   *
   * @throws ProviderClosedError after `close`; what `load` throws.
   */
  async open(): Promise<OpenModel> {
    if (this.#isClosed) throw new ProviderClosedError();
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    const model = await this.#opening;
    if (this.#isClosed) throw new ProviderClosedError();
    return model;
  }

  /**
   * Compiles a structured output.
   *
   * @throws ProviderClosedError after `close`, or when that comes first; what else a GrammarCompiler throws.
   */
  async compile(output: StructuredOutput): Promise<Constraint> {
    const { tokenizer, limits, eosIds } = await this.open();
    const { vocabSize } = limits;
    this.#compiler ??= new GrammarCompiler({ tokenizer, vocabSize, eosIds, maxCompileMs: MAX_COMPILE_MS });
    return await this.#compiler.compile(output).catch((error: unknown) => {
      throw error instanceof GrammarClosedError ? new ProviderClosedError() : error;
    });
  }

  /** Keeps what a request needs until it ends; gives its end. */
  async hold<T>({ constraint }: Pick<GenerationRequest, 'constraint'>, end: Promise<T>): Promise<T> {
    if (constraint === undefined) return await end;
    this.#held.add(end);
    try {
      return await end;
    } finally {
      this.#held.delete(end);
    }
  }

  /**
   * Takes no more calls. Closes a model that was loaded here, which ends the calls under way; where it was not, waits for those that have
   * a structured output. Idempotent.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    await this.#owned?.close();
    await Promise.allSettled(this.#held);
    await this.#compiler?.close();
  }

  async #open(): Promise<OpenModel> {
    const options = this.#options;
    if (options.engine !== undefined) return await openModel(options.engine, options.model, options);
    if (options.llm !== undefined) return await openModel(options.llm.engine, options.llm.model, options);
    this.#owned ??= await load(options.model, options.load);
    return await openModel(this.#owned.engine, this.#owned.model, options);
  }
}

async function openModel(engine: Engine, model: EngineModel, options: RoseinferOptions): Promise<OpenModel> {
  const { runner, tokenizer, chat = rolesChat(tokenizer) } = model;
  const fingerprint = options.fingerprint ?? (await fingerprintOfModel(model));
  return { engine, limits: runner.limits, eosIds: uniteEosIds(runner, tokenizer), tokenizer, chat, fingerprint };
}

/** Makes the fingerprint of a model; null for one that does not say all that it covers. */
async function fingerprintOfModel({ name, dtype, kvDtype, adapter, chat }: EngineModel): Promise<string | null> {
  if (name === undefined || dtype === undefined || kvDtype === undefined || adapter === undefined) return null;
  return fingerprintOf({ weights: await hashModel(name), dtype, kvDtype, adapter, template: chat?.template.source });
}
