// The way from a caller's options to parameters, by the table alone.
import { RangeValueError } from '../util/errors.ts';
import { checkKeys } from '../util/keys.ts';
import type { SamplingBounds, SamplingOptions, SamplingParams } from './sampling-params.ts';
import { SAMPLING_PARAMETERS, type SamplingTable } from './sampling-table.ts';

const TABLE: SamplingTable = SAMPLING_PARAMETERS;

/**
 * Checks a caller's options and fills in the defaults: temperature 1, no filters, penalties or stops, at most 16 tokens,
 * a drawn seed. Lists are copied.
 *
 * @throws RangeValueError for an unknown option, a value out of range, or a `maxTokens` beyond `room`.
 */
export function resolveSamplingParams(options: SamplingOptions, bounds: SamplingBounds): SamplingParams {
  checkKeys('sampling', options, TABLE);
  const take = <K extends keyof SamplingParams>(name: K): SamplingParams[K] => {
    const value = options[name];
    return value === undefined ? TABLE[name].default(bounds) : TABLE[name].take(name, value, bounds);
  };
  const maxTokens = take('maxTokens');
  const minTokens = take('minTokens');
  if (minTokens > maxTokens) throw new RangeValueError('minTokens', minTokens, `at most maxTokens, ${maxTokens}`);
  return {
    maxTokens,
    minTokens,
    temperature: take('temperature'),
    topK: take('topK'),
    topP: take('topP'),
    minP: take('minP'),
    repetitionPenalty: take('repetitionPenalty'),
    presencePenalty: take('presencePenalty'),
    frequencyPenalty: take('frequencyPenalty'),
    logitBias: take('logitBias'),
    seed: take('seed'),
    stop: take('stop'),
    stopTokenIds: take('stopTokenIds'),
    ignoreEos: take('ignoreEos'),
    logprobs: take('logprobs'),
  };
}
