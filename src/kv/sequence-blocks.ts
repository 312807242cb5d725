// Arithmetic of the blocks of one sequence: the number it has at a time, and those that it will not read again.
import type { ModelLimits } from '../core/runner.ts';
import { ceilDiv } from '../util/math.ts';

/** Sizes that a sequence's blocks follow from. */
export interface SequenceSizes extends Pick<ModelLimits, 'blockSize' | 'window'> {
  /** Tokens of the longest chunk; any number when absent. */
  readonly maxBatchTokens?: number | undefined;
}

/**
 * Counts the blocks that a sequence of `numTokens` tokens has at a time. With a window these are no more than those of a longest
 * chunk and of the keys that the chunk's first token sees, wherever in a block they begin.
 */
export function maxBlocksHeld(
  numTokens: number,
  { blockSize, window, maxBatchTokens = Number.POSITIVE_INFINITY }: SequenceSizes,
): number {
  const all = ceilDiv(numTokens, blockSize);
  return window === undefined ? all : Math.min(all, ceilDiv(maxBatchTokens + window - 1 + blockSize - 1, blockSize));
}

/** Counts the blocks at the start of a sequence that no token from `position` on sees: their last key is out of its window. */
export function numBlocksUnseen(position: number, { blockSize, window }: SequenceSizes): number {
  return window === undefined ? 0 : Math.max(0, Math.floor((position - window + 1) / blockSize));
}
