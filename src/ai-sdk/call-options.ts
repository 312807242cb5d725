// Options of a call that the AI SDK has no setting for. They stand under `providerOptions.roseinfer`; an unknown one is refused.
import type { SamplingOptions } from '../core/sampling-params.ts';
import type { GenerationRequest } from '../engine/request.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';

/** Options of a call under `providerOptions.roseinfer`: parameters of sampling, and of the request. */
export type RoseinferCallOptions = Pick<
  SamplingOptions,
  'minTokens' | 'minP' | 'repetitionPenalty' | 'logitBias' | 'stopTokenIds' | 'ignoreEos' | 'logprobs'
> &
  Pick<GenerationRequest, 'priority' | 'deadlineMs' | 'cacheSalt'>;

const KEYS: KeyTable<RoseinferCallOptions> = {
  minTokens: true,
  minP: true,
  repetitionPenalty: true,
  logitBias: true,
  stopTokenIds: true,
  ignoreEos: true,
  logprobs: true,
  priority: true,
  deadlineMs: true,
  cacheSalt: true,
};

/**
 * Refuses what is no object of these options; their values are left for the request's own checks.
 *
 * @throws RangeValueError for no object, and for an unknown key, with the nearest known one.
 */
export function checkCallOptions(options: unknown): asserts options is RoseinferCallOptions {
  checkKeys('providerOptions.roseinfer', options, KEYS);
}
