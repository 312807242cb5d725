import { deriveSeed } from '../core/sampling-params.ts';
import type { Sequence } from '../core/sequence.ts';
import { RangeValueError } from '../util/errors.ts';
import type { GenerationRequest } from './request.ts';

/** Most completions of one prompt. */
export const MAX_CHOICES = 128;

/**
 * The requests for `n` completions of one prompt, which draw with seeds of their own.
 *
 * @param sequence of the request, by which it is known to be valid.
 * @throws RangeValueError unless `n` is an integer in [1, MAX_CHOICES].
 */
export function choicesOf(request: GenerationRequest, sequence: Sequence, n: number): GenerationRequest[] {
  if (!(Number.isInteger(n) && n >= 1 && n <= MAX_CHOICES)) {
    throw new RangeValueError('n', n, `an integer in [1, ${MAX_CHOICES}]`);
  }
  const { requestId, promptIds, arrival, params } = sequence;
  return Array.from({ length: n }, (_, j) => ({
    ...request,
    prompt: undefined,
    promptIds,
    arrival,
    requestId: `${requestId}-${j}`,
    sampling: { ...request.sampling, seed: deriveSeed(params.seed, j) },
  }));
}
