import type { RunnerLimits } from '../core/runner.ts';
import { resolveSamplingParams } from '../core/sampling-params.ts';
import { Sequence } from '../core/sequence.ts';
import { RangeValueError } from '../util/errors.ts';
import type { GenerationRequest } from './request.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface RequestContext {
  readonly tokenizer: Pick<Tokenizer, 'encode' | 'eosId'>;
  readonly limits: Pick<RunnerLimits, 'maxModelLen' | 'vocabSize'>;
  /** Milliseconds of the engine's clock. */
  readonly arrival: number;
}

/**
 * Checks all of a request and encodes its prompt.
 *
 * @throws RangeValueError when the prompt is missing, given twice, no text, fills the context or has an id that is not in
 * the vocabulary, when a sampling parameter is out of range, or when the signal is none.
 */
export function createSequence(request: GenerationRequest, { tokenizer, limits, arrival }: RequestContext): Sequence {
  const { requestId = crypto.randomUUID(), sampling = {}, signal } = request;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new RangeValueError('signal', signal, 'an AbortSignal');
  }
  const promptIds = encodePrompt(request, tokenizer);
  const { maxModelLen, vocabSize } = limits;
  for (const [index, id] of promptIds.entries()) {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new RangeValueError(`prompt id ${index}`, id, `an integer in [0, ${vocabSize})`);
    }
  }
  const room = maxModelLen - promptIds.length;
  if (room < 1) {
    const expected = `at most ${maxModelLen - 1}, for maxModelLen ${maxModelLen} and one token to generate`;
    throw new RangeValueError('prompt length', promptIds.length, expected);
  }
  const params = resolveSamplingParams(sampling, { room, vocabSize });
  return new Sequence({ requestId, promptIds, params, eosId: tokenizer.eosId, arrival });
}

function encodePrompt({ prompt, promptIds }: GenerationRequest, tokenizer: RequestContext['tokenizer']): number[] {
  if ((prompt === undefined) === (promptIds === undefined)) {
    const given = prompt === undefined ? 'without prompt' : 'with both';
    throw new RangeValueError('request', given, 'either prompt or promptIds');
  }
  if (prompt !== undefined && typeof prompt !== 'string') throw new RangeValueError('prompt', prompt, 'text');
  const ids = prompt === undefined ? [...(promptIds ?? [])] : tokenizer.encode(prompt);
  if (ids.length > 0) return ids;
  if (tokenizer.eosId === null) throw new RangeValueError('prompt', '', 'at least one token, as there is no eos token');
  return [tokenizer.eosId];
}
