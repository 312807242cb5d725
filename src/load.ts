// The shortest way from a model's name to text: a model and an engine on it, opened and closed as one.

import { Engine } from './engine/engine.ts';
import { ENGINE_OPTIONS, type EngineOptions } from './engine/engine-options.ts';
import { LLM } from './llm.ts';
import { loadModel } from './load-model.ts';
import { BUNDLED_MODEL } from './models/bundled-model.ts';
import { checkName, LOAD_MODEL, type LoadModelOptions } from './runtime/load-options.ts';
import { type Checks, checkOptions } from './util/option-checks.ts';

/** Options of an engine whose runner, tokenizer and chats are those of a model. */
export type LoadEngineOptions = Omit<EngineOptions, 'runner' | 'tokenizer' | 'chat'>;

/** Options of `load`: those of the model and those of its engine in one object. */
export interface LoadOptions extends LoadModelOptions, LoadEngineOptions {}

const { runner: _runner, tokenizer: _tokenizer, chat: _chat, ...LOAD_ENGINE } = ENGINE_OPTIONS;
const LOAD: Checks<LoadOptions> = { ...LOAD_MODEL, ...LOAD_ENGINE };

/**
 * Loads a model and makes an engine on it. Close it, or declare it with `await using`, to free the device.
 *
 * @param name A Hugging Face directory, a GGUF file, `OWNER/NAME` of the hub that was pulled, or `random:` and the name of a published shape; by
 * default the bundled model.
 * @throws RoseinferError of the kind that fits: options, files, configuration, tokenizer, sizes, memory or adapter.
 *
 * @example
 * ```ts
 * import { load } from 'roseinfer';
 *
 * await using llm = await load('weights/tales');
 * const { text } = await llm.generate('Once upon a time', { maxTokens: 20, seed: 1 });
 * console.log(text);
 * for await (const piece of llm.stream('Long ago', { maxTokens: 20, seed: 1 })) process.stdout.write(piece.text);
 * ```
 */
export async function load(name: string = BUNDLED_MODEL, options: LoadOptions = {}): Promise<LLM> {
  checkName(name);
  checkOptions('options of load', options, LOAD);
  const {
    scheduler,
    queuePolicy,
    clock,
    overlap,
    prefixCache,
    maxStepMs,
    maxQueuedRequests,
    maxQueuedTokens,
    ...rest
  } = options;
  const { observers, timeline, timeKernels, ...modelOptions } = rest;
  const engineOptions = {
    ...{ scheduler, queuePolicy, clock, overlap, prefixCache, maxStepMs, maxQueuedRequests, maxQueuedTokens },
    ...{ observers, timeline, timeKernels },
  } satisfies { readonly [K in keyof Required<LoadEngineOptions>]: LoadEngineOptions[K] };
  await using opened = new AsyncDisposableStack();
  const model = opened.use(await loadModel(name, modelOptions));
  const { runner, tokenizer, chat } = model;
  const engine = opened.use(new Engine({ ...engineOptions, runner, tokenizer, chat }));
  return new LLM(model, engine, opened.move());
}
