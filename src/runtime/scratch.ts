// Scratch tensors, through which the kernels of a step hand over their results: one table, made once for the largest step.
import type { Tensor } from '../gpu/tensor.ts';
import { numSplits } from '../kernels/attention/splits.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { ModelConfig } from '../models/config.ts';
import { RangeValueError } from '../util/errors.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { chunkWords, numScoredChunks } from './scored-chunks.ts';
import type { TensorTable } from './tensor-table.ts';

/** Scratch tensors of a model by name. */
export type Scratch = Readonly<Record<keyof ReturnType<typeof scratchTable>, Tensor>>;

/** Lists the scratch tensors that every model has; all take one word an element. */
export function scratchTable(config: ModelConfig, sizes: RuntimeSizes) {
  const { numHeads: H, headDim: D, hiddenSize: C, vocabSize: V } = config;
  const { maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R, maxModelLen, reduction } = sizes;
  return {
    /** The residual stream. */
    hidden: { label: 'hidden', dtype: 'f32', shape: [T, C] },
    normed: { label: 'normed', dtype: 'f32', shape: [Math.max(T, R), C] },
    /** Running softmax of each split of decode rows; see shaders/attention_fold.wgsl. */
    partials: { label: 'partials', dtype: 'f32', shape: [S, H, numSplits(maxModelLen, reduction), D + 2] },
    /** Last hidden states of the rows that need logits. */
    gathered: { label: 'gathered', dtype: 'f32', shape: [R, C] },
    /** Raw logits of the model; nothing changes them. */
    logits: { label: 'logits', dtype: 'f32', shape: [R, V] },
    /** Logits to sample from in steps where some row has penalties, biases, masked ids or a mask. */
    adjusted: { label: 'adjusted logits', dtype: 'f32', shape: [S, V] },
    /** Sampled id, and 1 where the logits were finite. */
    sampled: { label: 'sampled', dtype: 'u32', shape: [R, 2] },
    /** Records of rows that asked; see shaders/logprobs.wgsl. */
    logprobs: { label: 'logprobs', dtype: 'u32', shape: [R, LOGPROB_WORDS] },
    /** The same records of tokens that score their prompts, in chunks. */
    scores: { label: 'scores', dtype: 'u32', shape: [numScoredChunks(sizes), chunkWords(sizes, LOGPROB_WORDS)] },
    /** Sums of hidden states of each token slot: an embedding grows with the chunks of its prompt. */
    pooled: { label: 'pooled', dtype: 'f32', shape: [S, C] },
    /** Last sampled id of each token slot: the next step may read ids that the host has not. */
    nextTokens: { label: 'next tokens', dtype: 'i32', shape: [S] },
  } as const satisfies TensorTable<string>;
}

/**
 * Lists the scratch tensors that a model's layers have of their own: [T, columns] each.
 *
 * @throws RangeValueError for a name that every model has.
 */
export function layerScratchTable({ config, scratch }: ModelDefinition, sizes: RuntimeSizes): TensorTable<string> {
  const taken = Object.keys(scratchTable(config, sizes));
  const entries = Object.entries(scratch).map(([name, columns]) => {
    if (taken.includes(name))
      throw new RangeValueError('scratch tensor of the layers', name, `none of ${taken.join(', ')}`);
    return [name, { label: name, dtype: 'f32', shape: [sizes.maxBatchTokens, columns] }] as const;
  });
  return Object.fromEntries(entries);
}
