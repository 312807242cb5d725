// The model of a provider: opened by the first call that needs it, and closed only where it was opened here.
import type { ModelLimits } from '../core/runner.ts';
import type { ChatFormat } from '../engine/chat.ts';
import type { Engine } from '../engine/engine.ts';
import { rolesChat } from '../engine/roles-chat.ts';
import type { LLM } from '../llm.ts';
import { load } from '../load.ts';
import { fingerprintOf, hashModel } from '../models/fingerprint.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ProviderClosedError } from './errors.ts';
import type { EngineModel, RoseinferOptions } from './provider-options.ts';

/** A model that answers. */
export interface OpenModel {
  readonly engine: Engine;
  readonly limits: ModelLimits;
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

  /** Takes no more calls. Closes a model that was loaded here, which ends the calls under way. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    await this.#owned?.close();
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
  return { engine, limits: runner.limits, tokenizer, chat, fingerprint };
}

/** Makes the fingerprint of a model; null for one that does not say all that it covers. */
async function fingerprintOfModel({ name, dtype, kvDtype, adapter }: EngineModel): Promise<string | null> {
  if (name === undefined || dtype === undefined || kvDtype === undefined || adapter === undefined) return null;
  return fingerprintOf({ weights: await hashModel(name), dtype, kvDtype, adapter });
}
