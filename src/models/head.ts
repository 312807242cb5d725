// The end of a step, the same for every architecture: LM head, adjusted logits, sampler and log-probabilities, on the rows
// that need logits only, and sums of hidden states. Log-probabilities are of the model's own logits.
import type { Tensor } from '../gpu/tensor.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import { addNorm, linear, type NormedRows } from './blocks.ts';
import type { Step, StepShape } from './step.ts';
import type { VocabularyRange } from './weights.ts';

/** Weights of the LM head. */
export interface HeadWeights {
  readonly head: readonly VocabularyRange[];
  /** Zeros: at least one for each column of the largest range. */
  readonly noBias: Tensor;
}

/** Parts and sizes that turn rows of the residual stream into ids. */
export interface Head {
  readonly weights: HeadWeights;
  /** Returns the last norm: out[R, C] of hidden[R, C]. */
  readonly lastNorm: (hidden: Tensor, out: Tensor) => NormedRows;
  /** C */
  readonly hiddenSize: number;
  /** V */
  readonly vocabSize: number;
  /** Ids from here on are never sampled. */
  readonly numSampledIds: number;
}

/** Adds everything after the layers of a step with at least one row that needs logits. */
export function sampleRows(step: Step, head: Head, shape: StepShape): void {
  const { kernels, inputs } = step;
  const { hiddenSize: C, vocabSize: V, numSampledIds: allowed } = head;
  const { numTokens: T, numLogitsRows: R, logitsOfAll } = shape;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const rows = step.scratch('gathered').prefix([R, C]);
  if (!logitsOfAll) step.add(kernels.gatherRows, { x: hidden, rows: inputs.logitsRows.prefix([R]), out: rows }, {});
  const logits = step.scratch('logits').prefix([R, V]);
  const normed = step.scratch('normed').prefix([R, C]);
  lmHead(step, head.weights, head.lastNorm(logitsOfAll ? hidden : rows, normed), logits);
  const sampled = step.scratch('sampled').prefix([R, 2]);
  const operands = {
    logits: sampledLogits(step, logits, shape),
    sampling: firstRows(inputs.sampling, R),
    next_tokens: step.scratch('nextTokens'),
    sampled,
  };
  const { overrides = {} } = step.choose(kernels.sample, { V });
  step.add(kernels.sample, operands, { allowed }, { overrides });
  if (!shape.reportsLogprobs) return;
  const wanted = inputs.wantedLogprobs.prefix([R]);
  step.add(kernels.logprobs, { logits, chosen: sampled, wanted, records: firstRows(step.scratch('logprobs'), R) }, {});
}

/** Adds the sums of hidden states after the last norm, in a step with at least one sequence that is pooled: all tokens are normed. */
export function poolRows(step: Step, { hiddenSize: C, lastNorm }: Head, shape: StepShape): void {
  const { numTokens: T, numPooledRows } = shape;
  const rows = lastNorm(step.scratch('hidden').prefix([T, C]), step.scratch('normed').prefix([T, C]));
  const operands = { x: addNorm(step, rows), rows: firstRows(step.inputs.pooledRows, numPooledRows) };
  step.add(step.kernels.poolHidden, { ...operands, sums: step.scratch('pooled') }, {});
}

/**
 * Adds the log-probabilities of the ids that follow tokens of prompts: the rows go through the LM head in chunks, each as large as the
 * logits that a step samples from, and come out as records.
 */
export function scoreTokens(step: Step, head: Head, { numTokens: T, numScoredTokens: Q }: StepShape): void {
  const { kernels, inputs } = step;
  const { hiddenSize: C, vocabSize: V } = head;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const [R = 1] = step.scratch('logits').shape;
  for (let chunk = 0; chunk * R < Q; chunk++) {
    const M = Math.min(R, Q - chunk * R);
    const rows = step.scratch('gathered').prefix([M, C]);
    step.add(kernels.gatherRows, { x: hidden, rows: inputs.scoredRows.row(chunk, [M]), out: rows }, {});
    const logits = step.scratch('logits').prefix([M, V]);
    lmHead(step, head.weights, head.lastNorm(rows, step.scratch('normed').prefix([M, C])), logits);
    const chosen = inputs.scoredIds.row(chunk, [M, 1]);
    const wanted = inputs.scoredWanted.row(chunk, [M]);
    const records = step.scratch('scores').row(chunk, [M, LOGPROB_WORDS]);
    step.add(kernels.logprobs, { logits, chosen, wanted, records }, {});
  }
}

/** Adds the LM head: logits[R, V] of rows[R, C] after the last norm, which the ranges of a head share. */
export function lmHead(step: Step, { head, noBias }: HeadWeights, rows: Tensor | NormedRows, logits: Tensor): void {
  const x = head.length > 1 ? addNorm(step, rows) : rows;
  for (const { first, size, w } of head)
    linear(step, null, x, { w, bias: noBias.prefix([size]) }, logits, { use: 'LM head', first });
}

/** Adds bias, penalties and masks; returns the logits to sample from, which are others than the given where something changes them. */
function sampledLogits(step: Step, logits: Tensor, { adjustsLogits, masksLogits }: StepShape): Tensor {
  if (!adjustsLogits && !masksLogits) return logits;
  const { kernels, inputs } = step;
  const [R = 0] = logits.shape;
  const out = step.scratch('adjusted').prefix(logits.shape);
  if (adjustsLogits) {
    const rows = firstRows(inputs.adjustRows, R);
    const operands = { logits, rows, entries: inputs.adjustEntries, next_tokens: step.scratch('nextTokens'), out };
    step.add(kernels.adjustLogits, operands, {});
  }
  if (masksLogits) {
    const operands = { logits, rows: firstRows(inputs.maskRows, R), masks: inputs.masks, out };
    step.add(kernels.maskLogits, operands, { copies: adjustsLogits ? 0 : 1 });
  }
  return out;
}

/** Returns the first R rows of a tensor. */
function firstRows(tensor: Tensor, R: number): Tensor {
  return tensor.prefix([R, ...tensor.shape.slice(1)]);
}
