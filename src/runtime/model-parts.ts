import type { Device } from '../gpu/device.ts';
import { PREFILL_TILE_ROWS } from '../kernels/attention/query-tiles.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import { GPT2Weights } from '../models/gpt2/weights.ts';
import { type ModelKernels, modelKernels } from '../models/kernels.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { loadTuning, modelTunables, type TuneMode } from '../tuning/load-tuning.ts';
import { ceilDiv } from '../util/math.ts';
import { compileForward, reachableSteps } from './compile-forward.ts';
import type { ModelParts } from './forward.ts';
import { KVCache } from './kv-cache.ts';
import type { RunnerSizes } from './runner-sizes.ts';
import { Activations } from './scratch.ts';
import { StepInputs } from './step-inputs.ts';

/** What a model is made with, besides its weights and sizes. */
export interface ModelOptions {
  /** Ids from here on are never sampled; the vocabulary's size when absent. */
  readonly numSampledIds?: number | undefined;
  readonly kernels?: ModelKernels | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Where the choices of variants come from; by default `off` on a software adapter, else `on`. */
  readonly tune?: TuneMode | undefined;
  /** Told how many sizes of kernels are measured, and of how many. */
  readonly onTuned?: ((numDone: number, numSizes: number) => void) | undefined;
}

/**
 * Loads the weights, makes every buffer and compiles every kernel that a step can reach.
 *
 * @throws GpuError when the adapter has no room; nothing is left on the device then.
 */
export async function createParts(
  device: Device,
  config: GPT2Config,
  source: WeightSource,
  sizes: RunnerSizes,
  options: ModelOptions = {},
): Promise<ModelParts> {
  const { maxBatchTokens, maxModelLen, blockSize } = sizes;
  using created = new DisposableStack();
  const own = <T extends { close(): void }>(resource: T): T => created.adopt(resource, (owned) => owned.close());
  const weights = own(await GPT2Weights.load(device, config, source, sizes.dtype, options.onProgress));
  const kernels = options.kernels ?? modelKernels;
  const headColumns = weights.head.map(({ size }) => size);
  const tunables = modelTunables(device, { ...sizes, config, kernels, maxRows: maxBatchTokens, headColumns });
  const tuning = await loadTuning(device, tunables, { mode: options.tune, onProgress: options.onTuned });
  const capacity = { ...sizes, maxBlocks: ceilDiv(maxModelLen, blockSize) };
  const parts = await device.checked('buffers of the model', () => ({
    config,
    weights,
    kv: own(new KVCache(device, config, sizes)),
    inputs: own(new StepInputs(device, capacity, PREFILL_TILE_ROWS)),
    activations: own(new Activations(device, config, sizes)),
    kernels,
    tuning,
    numSampledIds: options.numSampledIds ?? config.vocabSize,
  }));
  await compileForward(device, parts, reachableSteps(sizes));
  created.move();
  return parts;
}

/** Frees what `createParts` made; idempotent. */
export function closeParts({ weights, kv, inputs, activations }: ModelParts): void {
  for (const resource of [weights, kv, inputs, activations]) resource.close();
}
