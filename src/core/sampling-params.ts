import { RangeValueError } from '../util/errors.ts';
import { hashSeed } from '../util/rng.ts';

/** How the tokens of one request are chosen and where it ends; every value is in its range. */
export interface SamplingParams {
  /** Most ids to generate. */
  readonly maxTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens with at least this mass; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this fraction of the best token's probability; 0 keeps all. */
  readonly minP: number;
  /** Integer in [0, 2^53); the same request with the same seed gives the same ids. */
  readonly seed: number;
  /** Generate past the end-of-sequence token. */
  readonly ignoreEos: boolean;
}

/** What a caller says of `SamplingParams`; the rest takes its default. */
export type SamplingOptions = { readonly [K in keyof SamplingParams]?: SamplingParams[K] | undefined };

const DEFAULT_MAX_TOKENS = 16;

const KNOWN = [
  'maxTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'seed',
  'ignoreEos',
] satisfies (keyof SamplingParams)[];

/**
 * Checks a caller's options and fills in the defaults: temperature 1, no filters, at most 16 tokens, a drawn seed.
 *
 * @param room Tokens left in the model's context behind the prompt, at least 1. The default of `maxTokens` is clipped to it.
 * @throws RangeValueError for an unknown option, a value out of range, or a `maxTokens` beyond `room`.
 */
export function resolveSamplingParams(options: SamplingOptions, { room }: { readonly room: number }): SamplingParams {
  const known: readonly string[] = KNOWN;
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new RangeValueError('sampling parameter', key, `one of ${KNOWN.join(', ')}`);
  }
  const {
    maxTokens = Math.min(DEFAULT_MAX_TOKENS, room),
    temperature = 1,
    topK = 0,
    topP = 1,
    minP = 0,
    seed = drawSeed(),
    ignoreEos = false,
  } = options;

  check('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, 'an integer ≥ 1');
  check('maxTokens', maxTokens, maxTokens <= room, `at most ${room}, the room that the prompt leaves in the context`);
  check('temperature', temperature, Number.isFinite(temperature) && temperature >= 0, 'a finite number ≥ 0');
  check('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer ≥ 0');
  check('topP', topP, Number.isFinite(topP) && topP > 0 && topP <= 1, 'a number in (0, 1]');
  check('minP', minP, Number.isFinite(minP) && minP >= 0 && minP <= 1, 'a number in [0, 1]');
  check('seed', seed, Number.isSafeInteger(seed) && seed >= 0, 'an integer in [0, 2^53)');
  check('ignoreEos', ignoreEos, typeof ignoreEos === 'boolean', 'true or false');
  return { maxTokens, temperature, topK, topP, minP, seed, ignoreEos };
}

function check(parameter: keyof SamplingParams, value: unknown, valid: boolean, expected: string): void {
  if (!valid) throw new RangeValueError(parameter, value, expected);
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
