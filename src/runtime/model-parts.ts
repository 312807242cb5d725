// A model's parts on the GPU: weights, KV cache, step inputs, scratch tensors; made together, or not at all.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { PREFILL_TILE_TOKENS } from '../kernels/attention/query-tiles.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import { type ModelKernels, modelKernels } from '../models/kernels.ts';
import { loadWeights } from '../models/load-weights.ts';
import type { LoadedWeights } from '../models/loaded-weights.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { loadTuning, type TuneMode } from '../tuning/load-tuning.ts';
import { listTunables } from '../tuning/tunables.ts';
import type { Tuning } from '../tuning/tuning.ts';
import { type Fallback, verifyTuning } from '../tuning/verify-tuning.ts';
import { compileForward } from './compile-forward.ts';
import type { ForwardParts } from './forward.ts';
import { KVCache } from './kv-cache.ts';
import { modelWork } from './model-work.ts';
import { fillPositionTables, positionTableEntries } from './position-tables.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { layerScratchTable, scratchTable } from './scratch.ts';
import { StepInputs } from './step-inputs.ts';
import { makeTensors, type TensorEntry } from './tensor-table.ts';

/** A model on the GPU, with the owners of its tensors. */
export interface ModelParts extends ForwardParts {
  readonly weights: LoadedWeights;
  readonly kv: KVCache;
  readonly inputs: StepInputs;
}

/** Options of a model besides its weights and sizes. */
export interface ModelOptions {
  /** Ids from here on are never sampled; the vocabulary's size when absent. */
  readonly numSampledIds?: number | undefined;
  readonly kernels?: ModelKernels | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Source of the choices of variants; by default `off` on a software adapter, else `on`. */
  readonly tune?: TuneMode | undefined;
  /** Called with the number of kernel sizes measured, and of those to measure. */
  readonly onTuned?: ((numDone: number, numSizes: number) => void) | undefined;
  /**
   * Compares every variant with the base variant before it runs in the model; by default on a GPU. On a software adapter, where
   * compiling takes seconds, tests have done it.
   */
  readonly verify?: boolean | undefined;
  /** Called with the number of variants compared, and of all that there are to compare. */
  readonly onVerified?: ((numDone: number, numVariants: number) => void) | undefined;
  /** Receives each variant that the model does not run here. */
  readonly onFallback?: ((fallback: Fallback) => void) | undefined;
}

/**
 * Loads the weights, makes every buffer and compiles every kernel that a step can reach.
 *
 * @throws GpuError when the adapter has no room; KernelError where variants differ and none can be taken instead; nothing is left
 * on the device then.
 */
export async function createParts(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  sizes: RuntimeSizes,
  options: ModelOptions = {},
): Promise<ModelParts> {
  using created = new DisposableStack();
  const weights = created.adopt(await loadWeights(device, model, source, sizes.storage, options.onProgress), (owned) =>
    owned.close(),
  );
  const kernels = options.kernels ?? modelKernels;
  const tunables = () => listTunables(device, modelWork(device, model, sizes, kernels));
  const chosen = await loadTuning(device, tunables, { mode: options.tune, onProgress: options.onTuned });
  const { verify = !device.traits.isSoftware, onVerified, onFallback = () => {} } = options;
  const work = (tuning: Tuning) => modelWork(device, model, sizes, kernels, tuning);
  const { tuning, fallbacks } = verify
    ? await verifyTuning(device, chosen, work, onVerified)
    : { tuning: chosen, fallbacks: [] };
  for (const fallback of fallbacks) onFallback(fallback);
  const numSampledIds = options.numSampledIds ?? model.config.vocabSize;
  const parts = await assembleParts(device, { model, weights, kernels, tuning, numSampledIds }, sizes);
  created.move();
  return parts;
}

/** Parts that models with the same sizes may have in common. */
export type PartsBase = Pick<ModelParts, 'model' | 'weights' | 'kernels' | 'tuning' | 'numSampledIds'>;

/**
 * Makes every buffer of a model but its weights, and compiles every kernel that a step can reach.
 *
 * @throws GpuError when the adapter has no room; nothing but the weights is left on the device then.
 */
export async function assembleParts(device: Device, base: PartsBase, sizes: RuntimeSizes): Promise<ModelParts> {
  const { model } = base;
  const { config } = model;
  using created = new DisposableStack();
  const own = <T extends { close(): void }>(resource: T): T => created.adopt(resource, (owned) => owned.close());
  const tensorOf = ({ label, dtype, shape }: TensorEntry) => own(Tensor.create(device, label, dtype, shape));
  const parts = await device.checked('buffers of the model', () => ({
    ...base,
    kv: own(new KVCache(device, config, sizes)),
    inputs: own(new StepInputs(device, sizes, PREFILL_TILE_TOKENS)),
    scratch: makeTensors(scratchTable(config, sizes), tensorOf),
    layerScratch: makeTensors(layerScratchTable(model, sizes), tensorOf),
    positionTables: makeTensors(positionTableEntries(model, sizes), tensorOf),
  }));
  fillPositionTables(model, parts.positionTables);
  await compileForward(device, parts, sizes);
  created.move();
  return parts;
}

/** Frees what `createParts` made; idempotent. */
export function closeParts({ weights, kv, inputs, scratch, layerScratch, positionTables }: ModelParts): void {
  const tensors = [scratch, layerScratch, positionTables].flatMap((table) => Object.values(table));
  for (const resource of [weights, kv, inputs, ...tensors]) resource.close();
}
