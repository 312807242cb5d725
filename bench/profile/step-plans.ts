// Steps that are profiled: a decode step of the largest batch, and a prompt.
import type { BatchRow } from '../../src/core/plan-batch.ts';
import type { ModelLimits } from '../../src/core/runner.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';

/** Step that can be run again and again. */
export interface ProfiledStep extends StepTokens {
  readonly kind: 'decode' | 'prefill';
  readonly rows: readonly BatchRow[];
}

/** Sampling parameters of all rows of a step. */
export type StepSampling = BatchRow['sequence']['params'];

/** Tokens of a sequence, as after a prompt of some words and a completion of some sentences. */
const DECODE_CONTEXT = 64;
/** Tokens of a prompt. */
const PREFILL_TOKENS = 512;
/** Steps between neighbouring ids; a prime, so that they differ. */
const ID_STRIDE = 7919;

/** Makes a step of one token of each sequence of the largest batch that the pool has room for. */
export function decodeStep(limits: ModelLimits, sampling: StepSampling): ProfiledStep {
  const { maxBatchSize, maxModelLen, numBlocks, blockSize } = limits;
  const sequences = Math.min(maxBatchSize, numBlocks);
  const room = Math.floor(numBlocks / sequences) * blockSize;
  const context = Math.min(DECODE_CONTEXT, maxModelLen, room);
  return step(limits, sampling, { kind: 'decode', sequences, queries: 1, context });
}

/**
 * Makes a step of a prompt of 512 tokens, or of what the context, the step or the pool has room for.
 *
 * @throws RangeValueError when that is a single token, which would be a decode step.
 */
export function prefillStep(limits: ModelLimits, sampling: StepSampling): ProfiledStep {
  const { maxBatchTokens, maxModelLen, numBlocks, blockSize } = limits;
  const context = Math.min(PREFILL_TOKENS, maxModelLen, maxBatchTokens, numBlocks * blockSize);
  if (context < 2)
    throw new RangeValueError('room for a prompt', context, 'at least 2 tokens, to profile a prefill step');
  return step(limits, sampling, { kind: 'prefill', sequences: 1, queries: context, context });
}

function step(
  { blockSize, vocabSize }: ModelLimits,
  params: StepSampling,
  size: Omit<ProfiledStep, 'rows'>,
): ProfiledStep {
  const { sequences, queries, context } = size;
  const blocks = ceilDiv(context, blockSize);
  const rows = Array.from({ length: sequences }, (_, s): BatchRow => {
    const promptIds = Array.from({ length: context }, (_, t) => ((s * context + t) * ID_STRIDE) % vocabSize);
    const blockTable = Array.from({ length: blocks }, (_, b) => s * blocks + b);
    const sequence = { promptIds, ids: [], params };
    return { sequence, start: context - queries, numTokens: queries, samples: true, tokenSlot: s, blockTable };
  });
  return { ...size, rows };
}
