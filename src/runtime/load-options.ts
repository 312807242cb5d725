// Options for loading a model: one table of checks for each function that loads one.
import { DEVICE_OPTIONS, type DeviceOptions } from '../gpu/device-options.ts';
import { Kernel } from '../gpu/kernel.ts';
import { KV_DTYPES } from '../kernels/kv-write/kv-write.ts';
import { OFFERED_DTYPES, type OfferedDType } from '../kernels/weights/weight-tiles.ts';
import { modelKernels } from '../models/kernels.ts';
import type { MapWeight } from '../models/mapped-source.ts';
import { RANDOM_EXAMPLE } from '../models/registry.ts';
import { TUNE_MODES } from '../tuning/load-tuning.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Check, type Checks, callback, checkOptions, count, flag, oneOf, seed } from '../util/option-checks.ts';
import type { MemoryPlan } from './memory-plan.ts';
import type { ModelOptions } from './model-parts.ts';
import type { ModelRunnerOptions } from './model-runner.ts';
import type { RunnerOptions } from './runtime-sizes.ts';

/** How to open the device of a model. */
export interface ModelDeviceOptions extends DeviceOptions {
  /**
   * Spaces the polls for the GPU's results while some are pending, by a stand-in for `globalThis.setImmediate`: polling
   * without a pause takes a core. Default: on a software adapter only, which needs that core itself.
   */
  readonly pollGovernor?: boolean | undefined;
  /**
   * Gives JavaScript's thread the lowest priority while the GPU's results are pending, where the system lets it restore
   * that (on Linux, with the privilege to). Default: on a software adapter only, whose threads it would keep waiting.
   * Workers and processes started meanwhile inherit the priority.
   */
  readonly yieldToAdapter?: boolean | undefined;
}

/** Progress of loading a model. */
export interface LoadProgress {
  /**
   * `weights` are counted in bytes on the GPU, `tuning` in sizes of kernels that are measured, `verification` in variants that
   * are compared with the base variant, `warm-up` in kernel variants that have run once.
   */
  readonly phase: 'weights' | 'tuning' | 'verification' | 'warm-up';
  readonly done: number;
  readonly total: number;
}

/** Weights of a model: changes to them, and their storage. */
export interface StorageOptions {
  /** Changes each tensor of the model's files as it is loaded; by default all stay as they are. */
  readonly mapWeight?: MapWeight | undefined;
  /** Storage of all weight matrices; by default each as its file has it. */
  readonly dtype?: OfferedDType | undefined;
}

/** Options of `loadModel`. */
export interface LoadModelOptions
  extends Omit<RunnerOptions, 'dtype'>,
    StorageOptions,
    ModelDeviceOptions,
    Pick<ModelRunnerOptions, 'kernels' | 'tune' | 'returnLogits'> {
  /** Seed of the weights of a random model; 0. */
  readonly seed?: number | undefined;
  /** File of a Jinja template by which chats are written, in place of the model's own. */
  readonly chatTemplate?: string | undefined;
  /**
   * Receives what the model's files hold and the model does not use, and variants of kernels that are wrong on this adapter, a
   * line each; default: a warning of the process.
   */
  readonly onNotice?: ((notice: string) => void) | undefined;
  /**
   * Runs every kernel that a request can reach once before the model is returned; default true. A driver may compile at
   * the first run only, and the first requests would wait for it.
   */
  readonly warmUp?: boolean | undefined;
  /** Receives the bytes that the model will take, before any is allocated. */
  readonly onPlan?: ((plan: MemoryPlan) => void) | undefined;
  /** Receives the progress of the loading; an error that it throws ends the loading. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Options of `loadTextModel`. */
export interface LoadTextModelOptions
  extends ModelDeviceOptions,
    StorageOptions,
    Pick<RunnerOptions, 'kvDtype' | 'maxModelLen'>,
    Pick<ModelOptions, 'kernels'> {
  /** Seed of the weights of a random model; 0. */
  readonly seed?: number | undefined;
  /** As for `loadModel`. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

const kernelNames = Object.keys(modelKernels);
const allKernels: Check = {
  expected: `a kernel for each of ${kernelNames.join(', ')}`,
  accepts: (value) => {
    const kernels: Record<string, unknown> = { ...Object(value) };
    const isComplete = Object.keys(kernels).length === kernelNames.length;
    return isComplete && kernelNames.every((name) => kernels[name] instanceof Kernel);
  },
};

const LOAD_TEXT_MODEL: Checks<LoadTextModelOptions> = {
  ...DEVICE_OPTIONS,
  pollGovernor: flag,
  yieldToAdapter: flag,
  mapWeight: callback,
  dtype: oneOf(OFFERED_DTYPES),
  kvDtype: oneOf(KV_DTYPES),
  maxModelLen: count,
  kernels: allKernels,
  seed,
  onNotice: callback,
};

/** A check for each option of `loadModel`. */
export const LOAD_MODEL: Checks<LoadModelOptions> = {
  ...LOAD_TEXT_MODEL,
  maxBatchSize: count,
  maxBatchTokens: count,
  blockSize: count,
  numBlocks: count,
  maxLogitsRows: count,
  chatTemplate: { expected: 'the path of a file', accepts: (value) => typeof value === 'string' && value !== '' },
  tune: oneOf(TUNE_MODES),
  returnLogits: flag,
  warmUp: flag,
  onPlan: callback,
  onProgress: callback,
};

/** @throws RangeValueError for a name that is no text, an unknown option, or one of another type. */
export function checkLoadModel(name: unknown, options: LoadModelOptions): void {
  checkName(name);
  checkOptions('options of loadModel', options, LOAD_MODEL);
}

/** @throws as `checkLoadModel`. */
export function checkLoadTextModel(name: unknown, options: LoadTextModelOptions): void {
  checkName(name);
  checkOptions('options of loadTextModel', options, LOAD_TEXT_MODEL);
}

/** @throws RangeValueError for a name of a model that is no text, or empty. */
export function checkName(name: unknown): void {
  if (typeof name !== 'string' || name === '')
    throw new RangeValueError('model', name, `a directory, a GGUF file, or ${RANDOM_EXAMPLE}`);
}
