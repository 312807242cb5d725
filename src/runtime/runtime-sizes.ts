// Sizes of a runner: the options of a caller, with defaults that follow from the model and the device.
import type { ModelLimits } from '../core/runner.ts';
import type { ReductionClass } from '../gpu/reduction.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { maxBlocksHeld } from '../kv/sequence-blocks.ts';
import type { ModelConfig } from '../models/config.ts';
import type { WeightStorage } from '../models/weight-storage.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkValue, count } from '../util/option-checks.ts';

/** All sizes of a model on a device; a function of the runtime takes them whole, or names those that it needs. */
export interface RuntimeSizes extends ModelLimits {
  /** Storage of the weight matrices. */
  readonly storage: WeightStorage;
  /** Storage of keys and values. */
  readonly kvDtype: KVDType;
  /** Rows of logits per step. */
  readonly maxLogitsRows: number;
  /** Reduction class of the device. */
  readonly reduction: ReductionClass;
}

/** Properties of a device that sizes follow from. */
export interface SizingDevice {
  readonly gpu: { readonly limits: { readonly maxStorageBufferBindingSize: number } };
  readonly traits: { readonly reduction: ReductionClass };
}

/** Sizes that a caller may ask for; one that is left out takes its default. */
export interface RunnerOptions {
  /** Sequences per step; 8. */
  readonly maxBatchSize?: number | undefined;
  /** Tokens per step; by default maxModelLen, but at most 2,048: longer prompts are prefilled in chunks. */
  readonly maxBatchTokens?: number | undefined;
  /** Tokens per sequence, at most the model's positions; by default these, as far as `loadModel` finds room for them. */
  readonly maxModelLen?: number | undefined;
  /** Tokens per block; 16. */
  readonly blockSize?: number | undefined;
  /**
   * Blocks in the KV pool; by default enough for maxBatchSize of the longest sequences, or as many as one binding holds, or
   * `loadModel` finds room for in the memory that a software adapter shares with the host.
   */
  readonly numBlocks?: number | undefined;
  /** Storage of the weight matrices; by default as in the file. */
  readonly dtype?: WeightDType | undefined;
  /** Storage of keys and values; f32. */
  readonly kvDtype?: KVDType | undefined;
  /** Rows of logits per step; by default maxBatchSize. More are for callers that want logits of whole prompts. */
  readonly maxLogitsRows?: number | undefined;
}

/** Default sequences per step. */
const DEFAULT_BATCH_SIZE = 8;
/** Most tokens per step by default: activations of more take memory and speed up nothing. */
const DEFAULT_BATCH_TOKENS = 2048;
/** Default storage of keys and values. */
export const DEFAULT_KV_DTYPE: KVDType = 'f32';
/** Default tokens per block of the KV cache. */
export const DEFAULT_BLOCK_SIZE = 16;

/**
 * Fills in the defaults.
 *
 * @param stored storage of the matrices when none is asked for: the source of the weights, or one type.
 * @param device a layer's keys and values are one binding of it.
 * @throws RangeValueError for a size that is no integer ≥ 1 or beyond the model.
 */
export function resolveSizes(
  config: ModelConfig,
  options: RunnerOptions,
  stored: WeightStorage,
  { gpu, traits: { reduction } }: SizingDevice,
): RuntimeSizes {
  const { maxStorageBufferBindingSize: maxBindingBytes } = gpu.limits;
  const { maxBatchSize = DEFAULT_BATCH_SIZE, blockSize = DEFAULT_BLOCK_SIZE, kvDtype = DEFAULT_KV_DTYPE } = options;
  const { maxModelLen = config.numPositions } = options;
  const { maxBatchTokens = Math.max(Math.min(maxModelLen, DEFAULT_BATCH_TOKENS), maxBatchSize) } = options;
  const { maxLogitsRows = maxBatchSize } = options;
  for (const [name, value] of Object.entries({ maxBatchSize, blockSize, maxModelLen, maxBatchTokens, maxLogitsRows })) {
    checkSize(name, value);
  }
  if (maxModelLen > config.numPositions) {
    throw new RangeValueError('maxModelLen', maxModelLen, `at most the model's ${config.numPositions} positions`);
  }
  if (maxBatchTokens < maxBatchSize) {
    throw new RangeValueError('maxBatchTokens', maxBatchTokens, `at least maxBatchSize, ${maxBatchSize}`);
  }
  const blockBytes = kvBlockBytes(config, blockSize, kvDtype);
  const mostBlocks = Math.floor(maxBindingBytes / blockBytes);
  const window = config.window ?? undefined;
  const longest = maxBlocksHeld(maxModelLen, { blockSize, window, maxBatchTokens });
  const { numBlocks = Math.min(maxBatchSize * longest, Math.max(mostBlocks, 1)) } = options;
  checkSize('numBlocks', numBlocks);
  if (numBlocks > mostBlocks) {
    const expected = `at most ${mostBlocks}: a layer's blocks of ${blockBytes} bytes share one binding of ${maxBindingBytes} bytes`;
    throw new RangeValueError('numBlocks', numBlocks, expected);
  }
  const sizes = { maxBatchSize, maxBatchTokens, maxModelLen, numBlocks, blockSize, maxLogitsRows };
  const { vocabSize } = config;
  return { ...sizes, vocabSize, ...(window && { window }), storage: options.dtype ?? stored, kvDtype, reduction };
}

/** Counts the bytes of one layer's keys and values in one block. */
export function kvBlockBytes({ numKVHeads, headDim }: ModelConfig, blockSize: number, dtype: KVDType): number {
  return 4 * 2 * numKVHeads * blockSize * kvRowWords(headDim, dtype);
}

function checkSize(name: string, value: number): void {
  checkValue(name, value, count);
}
