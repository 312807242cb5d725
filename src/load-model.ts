// Puts the layers together: a device, a model on it and the model's tokenizer.
import { freemem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Tokenizer } from './engine/tokenizer.ts';
import type { AdapterIdentity } from './gpu/adapter.ts';
import { Device, type DeviceOptions } from './gpu/device.ts';
import type { WeightDType } from './kernels/weight-tiles.ts';
import type { GPT2Config } from './model/config.ts';
import { checkMemory, type MemoryPlan, planMemory } from './model/memory-plan.ts';
import { ModelRunner, type ModelRunnerOptions } from './model/model-runner.ts';
import { type RunnerOptions, resolveSizes } from './model/runner-sizes.ts';
import { openSource } from './open-source.ts';

/** Directory of the bundled model. */
export const BUNDLED_MODEL = fileURLToPath(new URL('../weights/tales', import.meta.url));

/** How to load a model. */
export interface LoadModelOptions
  extends RunnerOptions,
    DeviceOptions,
    Omit<ModelRunnerOptions, 'numSampledIds' | 'onProgress'> {
  /** Seed of the weights of a random model; 0. */
  readonly seed?: number | undefined;
  /** Told the bytes that the model will take before any is allocated. */
  readonly onPlan?: ((plan: MemoryPlan) => void) | undefined;
  /** Told the bytes of weights on the GPU so far, and of all. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/** A model on a device, ready for an Engine. Close it to free the device and to let the process end. */
export interface LoadedModel extends AsyncDisposable {
  /** As given: a directory or `random:…`. */
  readonly name: string;
  readonly config: GPT2Config;
  /** Storage of the weight matrices. */
  readonly dtype: WeightDType;
  readonly memory: MemoryPlan;
  readonly adapter: AdapterIdentity;
  /** Where the model is. */
  readonly device: Device;
  readonly runner: ModelRunner;
  readonly tokenizer: Tokenizer;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Loads a model: a Hugging Face directory, or `random:gpt2[-medium|-large|-xl]`.
 *
 * @throws RoseinferError of the kind that fits: files, configuration, tokenizer, sizes, memory or adapter.
 */
export async function loadModel(name: string = BUNDLED_MODEL, options: LoadModelOptions = {}): Promise<LoadedModel> {
  await using opened = new AsyncDisposableStack();
  const { config, source, tokenizer } = await openSource(name, options.seed);
  await using weights = source;
  const device = opened.use(await Device.open(options));
  const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
  const sizes = resolveSizes(config, options, weights.dtype, maxBindingBytes);
  const memory = planMemory(config, sizes);
  options.onPlan?.(memory);
  checkMemory(config, sizes, { maxBindingBytes, hostBytes: device.traits.isSoftware ? freemem() : undefined });
  const onProgress = (bytes: number) => options.onProgress?.(bytes, memory.weights);
  const runnerOptions = { ...options, onProgress, numSampledIds: tokenizer.vocabSize };
  const runner = opened.use(await ModelRunner.create(device, config, weights, sizes, runnerOptions));
  const owned = opened.move();
  return {
    name,
    config,
    dtype: sizes.dtype,
    memory,
    adapter: device.identity,
    device,
    runner,
    tokenizer,
    close: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
