// Ids that a request was cut after, which must be ids that it could have generated and not ended with: a sequence that begins with them
// is one that was preempted, so nothing else has to be restored.
import type { SamplingParams } from '../core/sampling-params.ts';
import type { Detokenizer } from '../tokenizer/detokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { type Check, checkValue } from '../util/option-checks.ts';
import type { GenerationRequest, ResumePoint } from './request.ts';

const KEYS: KeyTable<ResumePoint> = { ids: true };

/** Parts of a request that decide which ids end it. */
interface ResumedEnds {
  readonly params: SamplingParams;
  readonly eosIds: readonly number[];
  readonly isToken: Check;
}

/**
 * Returns the ids that a request resumes with; none where it starts.
 *
 * @throws RangeValueError for a request without a seed, ids that are not in the vocabulary, an id that ends the request, and as many
 * ids as `maxTokens`.
 */
export function resumedIds(
  { resume, sampling }: GenerationRequest,
  { params, eosIds, isToken }: ResumedEnds,
): readonly number[] {
  if (resume === undefined) return [];
  checkKeys('resume', resume, KEYS);
  const ids: unknown = resume.ids;
  if (!Array.isArray(ids)) throw new RangeValueError('ids of resume', ids, 'a list of token ids');
  if (sampling?.seed === undefined)
    throw new RangeValueError('seed of a request that resumes', undefined, 'that of the cut one');
  const { maxTokens, ignoreEos, stopTokenIds } = params;
  if (ids.length > 0 && ids.length >= maxTokens) {
    throw new RangeValueError(
      'number of ids of resume',
      ids.length,
      `fewer than maxTokens, ${maxTokens}: it has ended`,
    );
  }
  const ends = new Set([...(ignoreEos ? [] : eosIds), ...stopTokenIds]);
  for (const [index, id] of ids.entries()) {
    checkValue(`id ${index} of resume`, id, isToken);
    if (ends.has(id))
      throw new RangeValueError(`id ${index} of resume`, id, 'none that ends the request: it has ended');
  }
  return ids;
}

/**
 * Turns the ids that a request resumes with into the text that it has given before the cut.
 *
 * @throws RangeValueError where they complete a stop string.
 */
export function resumedText(ids: readonly number[], detokenizer: Pick<Detokenizer, 'push' | 'foundStop'>): string {
  return ids
    .map((id, index) => {
      const text = detokenizer.push(id);
      const { foundStop } = detokenizer;
      if (foundStop === null) return text;
      const found = `one that completes ${JSON.stringify(foundStop)}`;
      throw new RangeValueError(`id ${index} of resume`, found, 'none that ends the request: it has ended');
    })
    .join('');
}
