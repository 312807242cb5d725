// Checks a request whole and makes a sequence of it: after this nothing of a request can make a step fail.
import { ConstrainedIds, type ConstrainedSequence } from '../core/constrained-ids.ts';
import type { Constraint } from '../core/constraint.ts';
import { resolveSamplingParams } from '../core/resolve-sampling-params.ts';
import type { ModelLimits } from '../core/runner.ts';
import { numLogprobs } from '../core/sampling-table.ts';
import { type Pooling, Sequence } from '../core/sequence.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { type Check, checkValue, flag, tokenId } from '../util/option-checks.ts';
import type { GenerationRequest } from './request.ts';
import { resumedIds } from './resume.ts';

/** Largest size of a priority. */
const MAX_PRIORITY = 100;
/** Most log-probabilities of a prompt: they are kept on the host until the request ends. */
const MAX_PROMPT_LOGPROBS = 2 ** 18;

const KEYS: KeyTable<GenerationRequest> = {
  prompt: true,
  promptIds: true,
  requestId: true,
  sampling: true,
  constraint: true,
  priority: true,
  deadlineMs: true,
  arrival: true,
  parseSpecial: true,
  isWholeText: true,
  cacheSalt: true,
  promptLogprobs: true,
  resume: true,
  timeline: true,
  signal: true,
};

const constraintCheck: Check = {
  expected: 'an object that has start(), allowed(), accept() and, where it has an end, end()',
  accepts: (value) => {
    if (typeof value !== 'object' || value === null) return false;
    const methods = ['start', 'allowed', 'accept'].map((name) => Reflect.get(value, name));
    const end: unknown = Reflect.get(value, 'end');
    return [...methods, ...(end === undefined ? [] : [end])].every((method) => typeof method === 'function');
  },
};

/** Parts of an engine that a request is checked against. */
export interface RequestContext {
  readonly tokenizer: Pick<Tokenizer, 'encode' | 'missingFile'>;
  /** The tokens that end a text; the first stands for an empty prompt. */
  readonly eosIds: readonly number[];
  readonly limits: Pick<ModelLimits, 'maxModelLen' | 'vocabSize'>;
  /** Milliseconds of the engine's clock. */
  readonly now: number;
  /** True when prompts are shared among all requests of the same salt. */
  readonly sharesPrefixes: boolean;
  /** Group that shares the prompt's blocks, in place of the request's salt; choices have one of their own. */
  readonly prefixGroup?: string | undefined;
  /** Pooling of a request for an embedding. */
  readonly pooling?: Pooling | undefined;
}

/**
 * Checks all of a request and encodes its prompt.
 *
 * @throws RangeValueError when the request has an unknown key, when the prompt is missing, given twice, fills the context or
 * has an id that is not in the vocabulary, when a field is of another type or out of range, or when
 * it needs text of a model that has no tokenizer.
 */
export function createSequence(request: GenerationRequest, context: RequestContext): Sequence {
  const { eosIds, limits, now, sharesPrefixes } = context;
  checkKeys('request', request, KEYS);
  const { requestId = drawId(), sampling = {}, signal, timeline = false, parseSpecial = true } = request;
  const { isWholeText = false } = request;
  const { priority = 0, arrival = now, deadlineMs = Number.POSITIVE_INFINITY, cacheSalt = '' } = request;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new RangeValueError('signal', signal, 'an AbortSignal');
  }
  for (const [name, value] of Object.entries({ requestId, cacheSalt })) {
    if (typeof value !== 'string') throw new RangeValueError(name, value, 'text');
  }
  checkValue('timeline', timeline, flag);
  checkValue('parseSpecial', parseSpecial, flag);
  checkValue('isWholeText', isWholeText, flag);
  checkNumber(
    'priority',
    priority,
    (p) => Math.abs(p) <= MAX_PRIORITY,
    `a number in [-${MAX_PRIORITY}, ${MAX_PRIORITY}]`,
  );
  checkNumber(
    'arrival',
    arrival,
    (time) => Number.isFinite(time) && time <= now,
    `a number, at most ${now}, which it is now`,
  );
  checkNumber(
    'deadlineMs',
    deadlineMs,
    (limit) => arrival + limit > now,
    `a number above ${now - arrival}, the time since arrival`,
  );
  const promptIds = encodePrompt(request, context);
  const { maxModelLen, vocabSize } = limits;
  const isToken = tokenId(vocabSize);
  for (const [index, id] of promptIds.entries()) checkValue(`prompt id ${index}`, id, isToken);
  const { promptLogprobs = null } = request;
  if (promptLogprobs !== null) checkPromptLogprobs(promptLogprobs, promptIds.length);
  const { pooling = null } = context;
  const mayScoreOnly = promptLogprobs !== null || pooling !== null;
  const room = maxModelLen - promptIds.length;
  if (room < 0 && mayScoreOnly) {
    throw new RangeValueError('prompt length', promptIds.length, `at most maxModelLen, ${maxModelLen}`);
  }
  if (room < 1 && !mayScoreOnly) {
    const expected = `at most ${maxModelLen - 1}, for maxModelLen ${maxModelLen} and one token to generate`;
    throw new RangeValueError('prompt length', promptIds.length, expected);
  }
  const params = resolveSamplingParams(sampling, { room, vocabSize, mayScoreOnly });
  const ids = resumedIds(request, { params, eosIds, isToken });
  if (params.stop.length > 0) checkHasText('stop', params.stop, context);
  const prefixGroup = context.prefixGroup ?? (sharesPrefixes ? cacheSalt : null);
  const endIds = [...eosIds, ...params.stopTokenIds];
  const constraint = constrainedIds(request.constraint, { vocabSize, ids, endIds }, params.maxTokens);
  const state = { arrival, priority, prefixGroup, promptLogprobs, pooling, constraint };
  return new Sequence({ requestId, promptIds, ids, params, eosIds, ...state });
}

/** Checks a constraint; null where there is none, and for a request that generates nothing. */
function constrainedIds(
  constraint: Constraint | undefined,
  sequence: ConstrainedSequence,
  maxTokens: number,
): ConstrainedIds | null {
  if (constraint === undefined) return null;
  checkValue('constraint', constraint, constraintCheck);
  return maxTokens === 0 ? null : new ConstrainedIds(constraint, sequence);
}

function checkPromptLogprobs(numTop: number, numTokens: number): void {
  checkValue('promptLogprobs', numTop, numLogprobs);
  const numRecords = numTokens * (1 + numTop);
  if (numRecords <= MAX_PROMPT_LOGPROBS) return;
  const expected = `at most ${MAX_PROMPT_LOGPROBS}: ${numTokens} prompt tokens, ${1 + numTop} each`;
  throw new RangeValueError('number of promptLogprobs', numRecords, expected);
}

/** Draws an id, and copies it: as `randomUUID` joins it of its digits, it takes 700 bytes, and thousands may wait. */
function drawId(): string {
  return Buffer.from(crypto.randomUUID()).toString('latin1');
}

function checkNumber(name: string, value: unknown, isValid: (value: number) => boolean, expected: string): void {
  if (typeof value !== 'number' || !isValid(value)) throw new RangeValueError(name, value, expected);
}

function encodePrompt(
  { prompt, promptIds, parseSpecial }: GenerationRequest,
  { tokenizer, eosIds }: RequestContext,
): number[] {
  if ((prompt === undefined) === (promptIds === undefined)) {
    const given = prompt === undefined ? 'without prompt' : 'with both';
    throw new RangeValueError('request', given, 'either prompt or promptIds');
  }
  if (promptIds !== undefined && !isList(promptIds))
    throw new RangeValueError('promptIds', promptIds, 'a list of token ids');
  if (prompt !== undefined && typeof prompt !== 'string') throw new RangeValueError('prompt', prompt, 'text');
  if (prompt) checkHasText('prompt', prompt, { tokenizer });
  const ids = prompt ? tokenizer.encode(prompt, { parseSpecial }) : [...(promptIds ?? [])];
  if (ids.length > 0) return ids;
  const [eosId] = eosIds;
  if (eosId === undefined) throw new RangeValueError('prompt', '', 'at least one token, as there is no eos token');
  return [eosId];
}

function checkHasText(name: string, value: unknown, { tokenizer }: Pick<RequestContext, 'tokenizer'>): void {
  const { missingFile } = tokenizer;
  if (!missingFile) return;
  throw new RangeValueError(name, value, `ids in place of text, as there is no tokenizer (${missingFile})`);
}

/** Accepts an array or a typed array: JavaScript callers may pass ids as an Int32Array. */
function isList(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && Symbol.iterator in value);
}
