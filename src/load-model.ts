// Puts the layers together: a device, a model on it and the model's tokenizer.
import { contextOf } from './core/runner.ts';
import type { ChatFormat } from './engine/chat.ts';
import { Engine } from './engine/engine.ts';
import type { Device } from './gpu/device.ts';
import type { DeviceIdentity } from './gpu/device-traits.ts';
import type { KVDType } from './kernels/kv-write/kv-write.ts';
import { BUNDLED_MODEL } from './models/bundled-model.ts';
import type { ModelConfig } from './models/config.ts';
import { mapSource } from './models/mapped-source.ts';
import { openSource, warn } from './models/resolve-model.ts';
import { describeStorage } from './models/weight-storage.ts';
import { describeCut, fitSizes } from './runtime/fit-sizes.ts';
import { freeHostBytes } from './runtime/free-memory.ts';
import { checkLoadModel, type LoadModelOptions } from './runtime/load-options.ts';
import { checkMemory, type MemoryPlan, planMemory } from './runtime/memory-plan.ts';
import { ModelRunner } from './runtime/model-runner.ts';
import { openModelDevice } from './runtime/open-model-device.ts';
import { ChatTemplate } from './tokenizer/chat-template.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';
import { describeFallback, type Fallback } from './tuning/verify-tuning.ts';

/** Tokens of each request of the warm-up: a few steps of decoding. */
const WARM_UP_TOKENS = 3;

/** A model on a device, ready for an Engine. Close it to free the device and to let the process end. */
export interface LoadedModel extends AsyncDisposable {
  /** As given: a directory, a GGUF file, a name of the hub or `random:…`. */
  readonly name: string;
  readonly config: ModelConfig;
  /** Storage of the weight matrices: one type, or those that they have, such as `q4 + q8_32`, that of most numbers first. */
  readonly dtype: string;
  /** Storage of keys and values. */
  readonly kvDtype: KVDType;
  readonly memory: MemoryPlan;
  /** Adapter, and the reduction class of the device on it. */
  readonly adapter: DeviceIdentity;
  /** Variants of kernels that do not run, since their bits on this adapter are not those of the base variant. */
  readonly fallbacks: readonly Fallback[];
  /** Where the model is. */
  readonly device: Device;
  readonly runner: ModelRunner;
  /** Of ids only where the files have no tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Template of chats and the sampling that the model's authors advise for them; undefined without a template. */
  readonly chat: ChatFormat | undefined;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Loads a model: a Hugging Face directory, a GGUF file, `OWNER/NAME` of the hub that was pulled, or `random:` and the name of a
 * published shape.
 *
 * @throws RoseinferError of the kind that fits: options, files, configuration, tokenizer, sizes, memory or adapter.
 */
export async function loadModel(name: string = BUNDLED_MODEL, options: LoadModelOptions = {}): Promise<LoadedModel> {
  checkLoadModel(name, options);
  await using opened = new AsyncDisposableStack();
  const {
    model,
    source,
    tokenizer,
    chatTemplate: own,
    eosIds,
    sampling,
    notices,
  } = await openSource(name, options.seed);
  const { config } = model;
  await using weights = mapSource(source, options.mapWeight);
  opened.use(own);
  const { chatTemplate: path } = options;
  const template = path === undefined ? own : opened.use(await ChatTemplate.fromFile(path, tokenizer));
  const chat = template === null ? undefined : { template, sampling };
  const device = opened.use(await openModelDevice(options));
  const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
  const hostBytes = freeHostBytes(device);
  const sizes = fitSizes(model, options, weights, { device, hostBytes, tiedHead: weights.tiedHead });
  const memory = planMemory(model, sizes, weights.tiedHead);
  const { kernels, tune, returnLogits, warmUp = true } = options;
  const { onPlan, onProgress = () => {}, onNotice = warn } = options;
  const cut = describeCut(model, sizes, options);
  for (const notice of [...notices, ...(cut === null ? [] : [cut])]) onNotice(notice);
  onPlan?.(memory);
  checkMemory(model, sizes, { maxBindingBytes, hostBytes }, weights.tiedHead);
  const fallbacks: Fallback[] = [];
  const runner = opened.use(
    await ModelRunner.create(device, model, weights, sizes, {
      kernels,
      tune,
      returnLogits,
      eosIds,
      numSampledIds: Math.min(tokenizer.vocabSize, config.vocabSize),
      warmUp,
      onProgress: (bytes) => onProgress({ phase: 'weights', done: bytes, total: memory.weights }),
      onTuned: (done, total) => onProgress({ phase: 'tuning', done, total }),
      onVerified: (done, total) => onProgress({ phase: 'verification', done, total }),
      onFallback: (fallback) => {
        fallbacks.push(fallback);
        onNotice(describeFallback(fallback, device.identity));
      },
      onWarmUp: (done, total) => onProgress({ phase: 'warm-up', done, total }),
    }),
  );
  if (warmUp) await warmUpEngine(runner, tokenizer);
  const owned = opened.move();
  return {
    name,
    config,
    dtype: describeStorage(model, sizes.storage),
    kvDtype: sizes.kvDtype,
    memory,
    adapter: device.identity,
    fallbacks,
    device,
    runner,
    tokenizer,
    chat,
    close: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runs two short requests: the first ones through the tokenizer and the engine take several times as long as later ones. */
async function warmUpEngine(runner: ModelRunner, tokenizer: Tokenizer): Promise<void> {
  const promptIds = tokenizer.missingFile === null ? tokenizer.encode('Once upon a time, there was a king.') : [0];
  const room = contextOf(runner.limits) - promptIds.length;
  if (room < 1) return;
  await using engine = new Engine({ runner, tokenizer, prefixCache: false });
  const sampling = { maxTokens: Math.min(WARM_UP_TOKENS, room), seed: 0, ignoreEos: true };
  for (let i = 0; i < 2; i++) await engine.generate({ promptIds, sampling });
}
