import { RangeValueError } from '../util/errors.ts';
import { checkKeys, isRecord, type KeyTable } from '../util/keys.ts';
import { hashSeed } from '../util/rng.ts';

/** How the tokens of one request are chosen and where it ends; every value is in its range. */
export interface SamplingParams {
  /** Most ids to generate. */
  readonly maxTokens: number;
  /** Least number of ids before the one that ends the request: eos and stop ids are not sampled, stop strings not heeded. */
  readonly minTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens with at least this mass; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this fraction of the best token's probability; 0 keeps all. */
  readonly minP: number;
  /** Divides the logits above 0 of ids in prompt and output and multiplies the others (Keskar et al. 2019); 1 is off. */
  readonly repetitionPenalty: number;
  /** Subtracted from the logit of every id in the output; 0 is off. */
  readonly presencePenalty: number;
  /** Subtracted from the logit of an id as often as the output has it; 0 is off. */
  readonly frequencyPenalty: number;
  /** Added to the logits, by token id. */
  readonly logitBias: Readonly<Record<number, number>>;
  /** Integer in [0, 2^53); the same request with the same seed gives the same ids. */
  readonly seed: number;
  /** The text ends before the first of these, the ids with the token that completes it. */
  readonly stop: readonly string[];
  /** Ids that end the request as the eos does. */
  readonly stopTokenIds: readonly number[];
  /** Generate past the end-of-sequence token. */
  readonly ignoreEos: boolean;
  /** Report the log-probability of every id and of this number of the most likely ones in its place; null reports none. */
  readonly logprobs: number | null;
}

/** What a caller says of `SamplingParams`; the rest takes its default. */
export type SamplingOptions = { readonly [K in keyof SamplingParams]?: SamplingParams[K] | undefined };

/** What bounds a request's parameters. */
export interface SamplingBounds {
  /** Tokens left in the model's context after the prompt, at least 1. The default of `maxTokens` is clipped to it. */
  readonly room: number;
  readonly vocabSize: number;
}

/** Most entries of `logitBias`. */
export const MAX_LOGIT_BIASES = 300;
/** Most of `stop`, and of `stopTokenIds`. */
export const MAX_STOPS = 16;
const MAX_LOGPROBS = 20;
const DEFAULT_MAX_TOKENS = 16;

const KEYS: KeyTable<SamplingParams> = {
  maxTokens: true,
  minTokens: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  presencePenalty: true,
  frequencyPenalty: true,
  logitBias: true,
  seed: true,
  stop: true,
  stopTokenIds: true,
  ignoreEos: true,
  logprobs: true,
};

/**
 * Checks a caller's options and fills in the defaults: temperature 1, no filters, penalties or stops, at most 16 tokens,
 * a drawn seed. Lists are copied.
 *
 * @throws RangeValueError for an unknown option, a value out of range, or a `maxTokens` beyond `room`.
 */
export function resolveSamplingParams(options: SamplingOptions, { room, vocabSize }: SamplingBounds): SamplingParams {
  checkKeys('sampling', options, KEYS);
  const {
    maxTokens = Math.min(DEFAULT_MAX_TOKENS, room),
    minTokens = 0,
    temperature = 1,
    topK = 0,
    topP = 1,
    minP = 0,
    repetitionPenalty = 1,
    presencePenalty = 0,
    frequencyPenalty = 0,
    logitBias = {},
    seed = drawSeed(),
    stop = [],
    stopTokenIds = [],
    ignoreEos = false,
    logprobs = null,
  } = options;

  check('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, 'an integer ≥ 1');
  check('maxTokens', maxTokens, maxTokens <= room, `at most ${room}, the room that the prompt leaves in the context`);
  check('minTokens', minTokens, Number.isInteger(minTokens) && minTokens >= 0, 'an integer ≥ 0');
  check('minTokens', minTokens, minTokens <= maxTokens, `at most maxTokens, ${maxTokens}`);
  check('temperature', temperature, Number.isFinite(temperature) && temperature >= 0, 'a finite number ≥ 0');
  check('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer ≥ 0');
  check('topP', topP, Number.isFinite(topP) && topP > 0 && topP <= 1, 'a number in (0, 1]');
  check('minP', minP, isBetween(minP, 0, 1), 'a number in [0, 1]');
  const isPositive = Number.isFinite(repetitionPenalty) && repetitionPenalty > 0;
  check('repetitionPenalty', repetitionPenalty, isPositive, 'a finite number > 0');
  check('presencePenalty', presencePenalty, isBetween(presencePenalty, -2, 2), 'a number in [-2, 2]');
  check('frequencyPenalty', frequencyPenalty, isBetween(frequencyPenalty, -2, 2), 'a number in [-2, 2]');
  check('seed', seed, Number.isSafeInteger(seed) && seed >= 0, 'an integer in [0, 2^53)');
  check('ignoreEos', ignoreEos, typeof ignoreEos === 'boolean', 'true or false');
  const isCount = logprobs === null || (Number.isInteger(logprobs) && isBetween(logprobs, 0, MAX_LOGPROBS));
  check('logprobs', logprobs, isCount, `an integer in [0, ${MAX_LOGPROBS}], or null for none`);
  checkLogitBias(logitBias, vocabSize);
  checkList('stop', stop, (each) => typeof each === 'string' && each !== '', 'a text that is not empty');
  checkList('stopTokenIds', stopTokenIds, (id) => isId(id, vocabSize), `an integer in [0, ${vocabSize})`);
  return {
    ...{ maxTokens, minTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty },
    ...{ logitBias: { ...logitBias }, seed, stop: [...stop], stopTokenIds: [...stopTokenIds], ignoreEos, logprobs },
  };
}

function check(parameter: keyof SamplingParams, value: unknown, valid: boolean, expected: string): void {
  if (!valid) throw new RangeValueError(parameter, value, expected);
}

function checkLogitBias(logitBias: unknown, vocabSize: number): void {
  if (!isRecord(logitBias)) throw new RangeValueError('logitBias', logitBias, 'an object of token ids and numbers');
  const biases = Object.entries(logitBias);
  if (biases.length > MAX_LOGIT_BIASES) {
    throw new RangeValueError('number of logitBias', biases.length, `at most ${MAX_LOGIT_BIASES}`);
  }
  for (const [id, bias] of biases) {
    // A key is text: " 7" and "7e0" would be another name of the id 7.
    if (String(Number(id)) !== id || !isId(Number(id), vocabSize)) {
      throw new RangeValueError('token id of logitBias', id, `an integer in [0, ${vocabSize})`);
    }
    if (!isBetween(bias, -100, 100)) throw new RangeValueError(`logitBias of ${id}`, bias, 'a number in [-100, 100]');
  }
}

function checkList(
  parameter: 'stop' | 'stopTokenIds',
  list: unknown,
  isValid: (element: unknown) => boolean,
  expected: string,
): void {
  if (!Array.isArray(list)) throw new RangeValueError(parameter, list, 'a list');
  if (list.length > MAX_STOPS) throw new RangeValueError(`number of ${parameter}`, list.length, `at most ${MAX_STOPS}`);
  for (const [index, element] of list.entries()) {
    if (!isValid(element)) throw new RangeValueError(`${parameter}[${index}]`, element, expected);
  }
}

/** False for what is no number. */
function isBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function isId(value: unknown, vocabSize: number): boolean {
  return Number.isInteger(value) && isBetween(value, 0, vocabSize - 1);
}

/** A random integer in [0, 2^53). */
function drawSeed(): number {
  const [bits] = crypto.getRandomValues(new BigUint64Array(1));
  return Number(bits! >> 11n);
}

/** Seed of request `index` of a batch that was given one seed, so that a repeated prompt gives different completions. */
export function deriveSeed(seed: number, index: number): number {
  return hashSeed(seed, index);
}
