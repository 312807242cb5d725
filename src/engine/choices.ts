// Several completions of one prompt are requests like any other, with ids and seeds made from the first.
import { deriveSeed } from '../core/sampling-params.ts';
import type { ReadonlySequence } from '../core/sequence.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkValue, integerIn } from '../util/option-checks.ts';
import type { GenerationRequest } from './request.ts';

/** Most completions of one prompt, in requests. */
export const MAX_CHOICES = 128;

/**
 * Makes the requests for `n` completions of one prompt, each with a seed of its own.
 *
 * @param sequence of the request, whose checks it has passed.
 * @throws RangeValueError unless `n` is an integer in [1, MAX_CHOICES], and for a request that resumes.
 */
export function choicesOf(request: GenerationRequest, sequence: ReadonlySequence, n: number): GenerationRequest[] {
  checkValue('n', n, integerIn(1, MAX_CHOICES));
  if (request.resume !== undefined) {
    throw new RangeValueError(
      'resume',
      `that of ${n} choices`,
      'none: a choice goes on as a request of its own, with its seed',
    );
  }
  const { requestId, promptIds, arrival, params } = sequence;
  return Array.from({ length: n }, (_, j) => ({
    ...request,
    prompt: undefined,
    promptIds,
    // The others take the prompt from the cache.
    promptLogprobs: j === 0 ? request.promptLogprobs : undefined,
    arrival,
    requestId: `${requestId}-${j}`,
    sampling: { ...request.sampling, seed: deriveSeed(params.seed, j) },
  }));
}
