// Weights on the GPU as the blocks of a model take them: by the names of modules that the architecture's table gives them.
import type { Tensor } from '../gpu/tensor.ts';
import type { PackedWeight } from '../kernels/weights/packed-weight.ts';

/** Scale and shift of a norm: [C] each. */
export interface NormWeights {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/** A matmul's weight, and its bias [N]. */
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
  /** The embedding's own ranges where the head is tied. */
  readonly head: readonly VocabularyRange[];
  /** Zeros for biases that there are none of: [V], or more where a module needs more. */
  readonly noBias: Tensor;
  /** Weights of a norm; its shift is zeros where the model has none. @throws RangeValueError for an unknown module */
  norm(module: string): NormWeights;
  /** Weights of a linear module; its bias is zeros where the model has none. @throws RangeValueError for an unknown module */
  linear(module: string): LinearWeights;
  /** A table that is read by row. @throws RangeValueError for an unknown module */
  table(module: string): Tensor;
}
