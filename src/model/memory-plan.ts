import { ceilDiv } from '../util/math.ts';
import type { GPT2Config } from './config.ts';
import { STORAGE_BYTES, type StorageDtype } from './dtypes.ts';
import { gpt2Tensors, numElements } from './gpt2-tensors.ts';

/** What decides how much memory a model takes, besides its configuration. */
export interface MemoryOptions {
  /** Of the weight matrices. */
  readonly dtype: StorageDtype;
  readonly kvDtype: StorageDtype;
  /** B, blocks in the KV pool. */
  readonly numBlocks: number;
  /** P, tokens per block. */
  readonly blockSize: number;
  /** Tokens per step. */
  readonly maxBatchTokens: number;
  /** Sequences per step. */
  readonly maxBatchSize: number;
  /** Tokens per sequence. */
  readonly maxModelLen: number;
}

/** Bytes on the GPU. */
export interface MemoryPlan {
  readonly weights: number;
  readonly kv: number;
  readonly activations: number;
  readonly total: number;
}

/**
 * Bytes a model takes, before anything is allocated. With T = maxBatchTokens and S = maxBatchSize:
 * - weights: matrices in `dtype`; layer norms and biases in f32
 * - kv: K and V of every slot, 2 · L · B · P · C in `kvDtype`
 * - activations: f32 residual stream, normed input, Q, K, V and attention output (6C per token), MLP (F per token), and
 *   of each sequence the last hidden state (C), the logits (V) and a block table row
 */
export function planMemory(config: GPT2Config, options: MemoryOptions): MemoryPlan {
  const { numLayers: L, hiddenSize: C, mlpSize: F, vocabSize: V } = config;
  const { numBlocks: B, blockSize: P, maxBatchTokens: T, maxBatchSize: S } = options;
  let weights = 0;
  for (const shape of gpt2Tensors(config).values()) {
    weights += numElements(shape) * STORAGE_BYTES[shape.length === 2 ? options.dtype : 'f32'];
  }
  const kv = 2 * L * B * P * C * STORAGE_BYTES[options.kvDtype];
  const activations = 4 * (T * (6 * C + F) + S * (C + V + ceilDiv(options.maxModelLen, P)));
  return { weights, kv, activations, total: weights + kv + activations };
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** "512 B", "1.5 MiB": one decimal, in the largest unit with a value of at least 1. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
