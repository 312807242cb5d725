// Weights on the GPU as a model's layers ask for them: by the names of modules in the architecture's table.
import type { Tensor } from '../gpu/tensor.ts';
import type { PackedWeight } from '../kernels/weights/packed-weight.ts';

/** Scale and shift of a norm: [C] each. */
export interface NormWeights {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/** Weight [K, N] of a matmul, and its bias [N]. */
export interface LinearWeights {
  readonly w: PackedWeight;
  readonly bias: Tensor;
}

/** Vocabulary rows [first, first + size) of the embedding or the LM head, as columns of a C×size weight. */
export interface VocabularyRange {
  readonly first: number;
  readonly size: number;
  readonly w: PackedWeight;
}

/** All weights of a model. */
export interface Weights {
  readonly embedding: readonly VocabularyRange[];
  /** Ranges of the head; the embedding's own where it is tied. */
  readonly head: readonly VocabularyRange[];
  /** Zeros in place of the biases and shifts that a model lacks: [V], or more where a module needs more. */
  readonly noBias: Tensor;
  /** Returns the weights of a norm, with zeros for a missing shift. @throws RangeValueError for an unknown module. */
  norm(module: string): NormWeights;
  /** Returns the weights of a linear module, with zeros for a missing bias. @throws RangeValueError for an unknown module. */
  linear(module: string): LinearWeights;
  /** Returns a table that is read by row. @throws RangeValueError for an unknown module. */
  table(module: string): Tensor;
}
