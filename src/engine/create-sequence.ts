import type { RunnerLimits } from '../core/runner.ts';
import { resolveSamplingParams } from '../core/sampling-params.ts';
import { Sequence } from '../core/sequence.ts';
import { RangeValueError } from '../util/errors.ts';
import type { GenerationRequest } from './request.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Largest size of a priority. */
const MAX_PRIORITY = 100;

export interface RequestContext {
  readonly tokenizer: Pick<Tokenizer, 'encode' | 'eosId'>;
  readonly limits: Pick<RunnerLimits, 'maxModelLen' | 'vocabSize'>;
  /** Milliseconds of the engine's clock. */
  readonly now: number;
  /** Whether prompts are shared with every request of the same salt. */
  readonly sharesPrefixes: boolean;
  /** With whom the prompt is shared whatever else is said. */
  readonly prefixGroup?: string | undefined;
}

/**
 * Checks all of a request and encodes its prompt.
 *
 * @throws RangeValueError when the prompt is missing, given twice, no text, fills the context or has an id that is not in
 * the vocabulary, when a sampling parameter, the priority, the deadline or the arrival is out of range, or when the
 * signal is none.
 */
export function createSequence(request: GenerationRequest, context: RequestContext): Sequence {
  const { tokenizer, limits, now, sharesPrefixes } = context;
  const { requestId = crypto.randomUUID(), sampling = {}, signal } = request;
  const { priority = 0, arrival = now, deadlineMs = Number.POSITIVE_INFINITY, cacheSalt = '' } = request;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new RangeValueError('signal', signal, 'an AbortSignal');
  }
  if (typeof requestId !== 'string') throw new RangeValueError('requestId', requestId, 'text');
  if (typeof cacheSalt !== 'string') throw new RangeValueError('cacheSalt', cacheSalt, 'text');
  check('priority', priority, Math.abs(priority) <= MAX_PRIORITY, `a number in [-${MAX_PRIORITY}, ${MAX_PRIORITY}]`);
  check('arrival', arrival, Number.isFinite(arrival) && arrival <= now, `a number, at most ${now}, which it is now`);
  check(
    'deadlineMs',
    deadlineMs,
    arrival + deadlineMs > now,
    `a number above ${now - arrival}, the time since arrival`,
  );
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
  const prefixGroup = context.prefixGroup ?? (sharesPrefixes ? cacheSalt : null);
  return new Sequence({ requestId, promptIds, params, eosId: tokenizer.eosId, arrival, priority, prefixGroup });
}

function check(name: keyof GenerationRequest, value: unknown, isValid: boolean, expected: string): void {
  if (typeof value !== 'number' || !isValid) throw new RangeValueError(name, value, expected);
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
