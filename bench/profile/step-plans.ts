import type { BatchRow } from '../../src/core/plan-batch.ts';
import type { ModelLimits } from '../../src/core/runner.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';

/** A step that can be run again and again: the last `queries` of `context` tokens of each of `sequences` sequences. */
export interface ProfiledStep {
  readonly kind: 'decode' | 'prefill';
  readonly sequences: number;
  readonly queries: number;
  readonly context: number;
  readonly rows: readonly BatchRow[];
}

/** How the rows of a step are sampled. */
export type StepSampling = BatchRow['sequence']['params'];

/** As behind a prompt of some words and a completion of some sentences. */
const DECODE_CONTEXT = 64;
const PREFILL_TOKENS = 512;
/** Steps between neighbouring ids; a prime, so that they differ. */
const ID_STRIDE = 7919;

/** One token of as many sequences as fit, up to the largest batch. */
export function decodeStep(limits: ModelLimits, sampling: StepSampling): ProfiledStep {
  const { maxBatchSize, maxModelLen, numBlocks, blockSize } = limits;
  const sequences = Math.min(maxBatchSize, numBlocks);
  const room = Math.floor(numBlocks / sequences) * blockSize;
  const context = Math.min(DECODE_CONTEXT, maxModelLen, room);
  return step(limits, sampling, { kind: 'decode', sequences, queries: 1, context });
}

/**
 * A prompt of 512 tokens, or of what the context, the step or the pool has room for.
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
