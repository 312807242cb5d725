// Weights on the GPU as the blocks of a model take them.
import type { Tensor } from '../gpu/tensor.ts';
import type { PackedWeight } from '../kernels/weights/packed-weight.ts';

/** Scale and shift of a layer norm: [C] each. */
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
