// Embeddings as callers ask for them and get them. To the scheduler each is a sequence that generates nothing.
import type { Pooling, Sequence } from '../core/sequence.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { type Check, type Checks, checkValue, flag, oneOf } from '../util/option-checks.ts';
import { createSequence, type RequestContext } from './create-sequence.ts';
import { RequestAbortedError, RequestFailedError } from './errors.ts';
import type { FinishedRequest, GenerationRequest } from './request.ts';

/** Options of an embedding. */
export interface EmbeddingOptions {
  /**
   * Choice of the hidden states, after the last norm, that the embedding is the mean of: all, by default, or that of the `last` token.
   * All are computed for a mean, so that no token of the prompt is taken from the prefix cache.
   */
  readonly pooling?: Pooling | undefined;
  /** Scales the embedding to length 1, so that dot products are cosines; default false. */
  readonly normalize?: boolean | undefined;
}

/** Fields of a request that are not about what it generates. */
type CommonField =
  | 'prompt'
  | 'promptIds'
  | 'requestId'
  | 'priority'
  | 'deadlineMs'
  | 'arrival'
  | 'parseSpecial'
  | 'cacheSalt'
  | 'timeline'
  | 'signal';

/** A prompt, as text or as token ids, whose embedding is asked for. It may fill the context. */
export interface EmbeddingRequest extends EmbeddingOptions, Pick<GenerationRequest, CommonField> {}

/** The embedding of a prompt. */
export interface Embedding
  extends Pick<
    FinishedRequest,
    | 'requestId'
    | 'promptTokens'
    | 'cachedTokens'
    | 'cacheMiss'
    | 'preemptions'
    | 'recomputedTokens'
    | 'timings'
    | 'timeline'
  > {
  /** [C], as wide as the model's residual stream. */
  readonly embedding: Float32Array;
}

/** A check for each option of an embedding. */
export const EMBEDDING_OPTIONS: Checks<EmbeddingOptions> = { pooling: poolingCheck(), normalize: flag };

const KEYS: KeyTable<EmbeddingRequest> = {
  pooling: true,
  normalize: true,
  prompt: true,
  promptIds: true,
  requestId: true,
  priority: true,
  deadlineMs: true,
  arrival: true,
  parseSpecial: true,
  cacheSalt: true,
  timeline: true,
  signal: true,
};

/** Generates nothing, so that its seed has no meaning. */
const NOTHING = { maxTokens: 0, seed: 0 };

/**
 * Checks all of a request and encodes its prompt.
 *
 * @throws what `createSequence` throws, and RangeValueError for a pooling or a `normalize` that is none.
 */
export function embeddingSequence(request: EmbeddingRequest, context: RequestContext): Sequence {
  checkKeys('embedding request', request, KEYS);
  const { pooling = 'mean', normalize = false, ...common } = request;
  checkValue('pooling', pooling, EMBEDDING_OPTIONS.pooling);
  checkValue('normalize', normalize, EMBEDDING_OPTIONS.normalize);
  return createSequence({ ...common, sampling: NOTHING }, { ...context, pooling });
}

/**
 * Takes the embedding of a request at its end.
 *
 * @throws RequestAbortedError, RequestFailedError for one that has none.
 */
export function embeddingOf({ embedding, finishReason, error, abortReason, ...finished }: FinishedRequest): Embedding {
  const { requestId } = finished;
  if (finishReason === 'abort') throw new RequestAbortedError(requestId, error, abortReason);
  if (embedding === null) throw new RequestFailedError(requestId, error ?? 'unknown');
  const { promptTokens, cachedTokens, cacheMiss, preemptions, recomputedTokens, timings, timeline } = finished;
  const reported = { promptTokens, cachedTokens, cacheMiss, preemptions, recomputedTokens, timings, timeline };
  return { requestId, embedding, ...reported };
}

/** Makes the check of a pooling from the table of its names. */
function poolingCheck(): Check {
  const names: Readonly<Record<Pooling, true>> = { mean: true, last: true };
  return oneOf(Object.keys(names));
}
