// Sizes that fix the order of sums in each reduction class: they depend on nothing else, so a result has the same bits in
// every variant and batch.
import type { ReductionClass } from '../gpu/reduction.ts';

/** Order of the sums of attention. */
export interface AttentionSums {
  /** Keys of a split of attention: its running softmax restarts at every absolute multiple, and splits are folded. */
  readonly splitKeys: number;
  /**
   * Keys of a group of splits, which are folded by themselves before groups are: the partial results of a long context stay
   * few. 0 where all splits are folded at once.
   */
  readonly groupKeys: number;
}

/** Order of the sums of one class. */
export interface Reduction extends AttentionSums {
  /** k of a matmul that are summed by themselves before their sum is added, or 0 where one chain takes them all. */
  readonly chunkK: number;
}

/** Orders of sums by class. */
export const REDUCTIONS: Readonly<Record<ReductionClass, Reduction>> = {
  software: { chunkK: 0, splitKeys: 256, groupKeys: 0 },
  gpu: { chunkK: 32, splitKeys: 64, groupKeys: 1024 },
};
