// Every sampling parameter in one table: default, range and meaning. The checks of requests, the flags of commands and the
// table in docs/sampling.md are made from it, so they can't disagree.
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import {
  type Check,
  count,
  countOrNone,
  flag,
  integerIn,
  numberIn,
  positive,
  seed,
  tokenId,
} from '../util/option-checks.ts';
import { drawSeed } from '../util/rng.ts';
import type { SamplingBounds, SamplingParams } from './sampling-params.ts';

/** A sampling parameter; its texts are Markdown. */
export interface SamplingParameter<T> {
  /** Makes the value of a request that doesn't set it. */
  readonly default: (bounds: SamplingBounds) => T;
  readonly defaultText: string;
  readonly range: string;
  readonly meaning: string;
  /**
   * Checks a value and copies it.
   *
   * @throws RangeValueError for one out of range.
   */
  readonly take: (name: string, value: unknown, bounds: SamplingBounds) => T;
}

/** A parameter that is a number with a fixed default, which a flag of a command can set. */
export interface NumberParameter extends SamplingParameter<number>, Check {
  readonly fallback: number;
}

/** A parameter for each key of `SamplingParams`. */
export type SamplingTable = { readonly [K in keyof SamplingParams]: SamplingParameter<SamplingParams[K]> };

/** Most entries of `logitBias`. */
export const MAX_LOGIT_BIASES = 300;
/** Most of `stop`, and of `stopTokenIds`. */
export const MAX_STOPS = 16;
const MAX_LOGPROBS = 20;
const DEFAULT_MAX_TOKENS = 16;

const bias = numberIn(-100, 100);
const penalty = numberIn(-2, 2);
/** Accepts a number of the most likely ids to report. */
export const numLogprobs = integerIn(0, MAX_LOGPROBS);
const fraction: Check = {
  expected: 'a number in (0, 1]',
  accepts: (value) => positive.accepts(value) && numberIn(0, 1).accepts(value),
};
const stopText: Check = {
  expected: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};

/** The sampling parameters. */
export const SAMPLING_PARAMETERS = {
  maxTokens: {
    default: ({ room }) => Math.min(DEFAULT_MAX_TOKENS, room),
    defaultText: `${DEFAULT_MAX_TOKENS}, or the room that the prompt leaves`,
    range: `${count.expected}, at most the room that the prompt leaves; 0 with \`promptLogprobs\``,
    meaning: 'most tokens to generate',
    take: (name, value, { room, mayScoreOnly = false }) => {
      const maxTokens = takeNumber(name, value, mayScoreOnly ? countOrNone : count);
      if (maxTokens <= room) return maxTokens;
      throw new RangeValueError(name, value, `at most ${room}, the room that the prompt leaves in the context`);
    },
  },
  minTokens: {
    ...number(0, countOrNone, 'until the output has this length, eos and stop ids are masked and stop strings ignored'),
    range: 'an integer from 0 to `maxTokens`',
  },
  temperature: number(
    1,
    { expected: 'a finite number ≥ 0', accepts: (value) => value === 0 || positive.accepts(value) },
    'divides the logits; 0 is greedy: the most likely token, the lowest id among equals',
  ),
  topK: number(0, countOrNone, 'keep the k most likely tokens; 0 keeps all'),
  topP: number(
    1,
    fraction,
    'keep the most likely tokens up to this total probability, the one that crosses it included; 1 keeps all',
  ),
  minP: number(
    0,
    numberIn(0, 1),
    "keep tokens with at least this fraction of the best token's probability; 0 keeps all",
  ),
  repetitionPenalty: number(
    1,
    { expected: 'a finite number > 0', accepts: positive.accepts },
    'divides positive logits of ids in prompt and output and multiplies negative ones; 1 is off',
  ),
  presencePenalty: number(0, penalty, 'subtracted from the logit of every id in the output; 0 is off'),
  frequencyPenalty: number(
    0,
    penalty,
    'subtracted from the logit of an id once for each time that it is in the output; 0 is off',
  ),
  logitBias: {
    default: () => ({}),
    defaultText: '`{}`',
    range: `at most ${MAX_LOGIT_BIASES} ids, each ${bias.expected}`,
    meaning: 'added to the logits, by token id',
    take: takeLogitBias,
  },
  seed: {
    default: drawSeed,
    defaultText: 'drawn',
    range: seed.expected,
    meaning: 'the same request with the same seed gives the same ids; the response says which seed was used',
    take: (name, value) => takeNumber(name, value, seed),
  },
  stop: {
    default: () => [],
    defaultText: '`[]`',
    range: `at most ${MAX_STOPS} strings, none empty`,
    meaning: 'the text ends before the first of these; the ids end with the token that completes it',
    take: (name, value) => takeList(name, value, stopText).filter((each) => typeof each === 'string'),
  },
  stopTokenIds: {
    default: () => [],
    defaultText: '`[]`',
    range: `at most ${MAX_STOPS} ids of the vocabulary`,
    meaning: 'end the request as the eos does',
    take: (name, value, { vocabSize }) =>
      takeList(name, value, tokenId(vocabSize)).filter((each) => typeof each === 'number'),
  },
  ignoreEos: {
    default: () => false,
    defaultText: '`false`',
    range: '`true` or `false`',
    meaning: 'generate past the end-of-sequence token',
    take: (name, value) => {
      if (typeof value === 'boolean') return value;
      throw new RangeValueError(name, value, flag.expected);
    },
  },
  logprobs: {
    default: () => null,
    defaultText: '`null`',
    range: `${numLogprobs.expected}, or \`null\` for none`,
    meaning: 'report the log-probability of every generated id and of this number of the most likely ones in its place',
    take: (name, value) => {
      if (value === null || (typeof value === 'number' && numLogprobs.accepts(value))) return value;
      throw new RangeValueError(name, value, `${numLogprobs.expected}, or null for none`);
    },
  },
} satisfies SamplingTable;

function number(fallback: number, check: Check, meaning: string): NumberParameter {
  return {
    ...check,
    fallback,
    default: () => fallback,
    defaultText: String(fallback),
    range: check.expected,
    meaning,
    take: (name, value) => takeNumber(name, value, check),
  };
}

function takeNumber(name: string, value: unknown, { accepts, expected }: Check): number {
  if (typeof value === 'number' && accepts(value)) return value;
  throw new RangeValueError(name, value, expected);
}

function takeLogitBias(name: string, value: unknown, { vocabSize }: SamplingBounds): Record<number, number> {
  if (!isRecord(value)) throw new RangeValueError(name, value, 'an object of token ids and numbers');
  const biases = Object.entries(value);
  if (biases.length > MAX_LOGIT_BIASES) {
    throw new RangeValueError(`number of ${name}`, biases.length, `at most ${MAX_LOGIT_BIASES}`);
  }
  const isToken = tokenId(vocabSize);
  const taken: Record<number, number> = {};
  for (const [key, each] of biases) {
    const id = Number(key);
    // A key is text: " 7" and "7e0" would be another name of the id 7.
    if (String(id) !== key || !isToken.accepts(id)) {
      throw new RangeValueError(`token id of ${name}`, key, isToken.expected);
    }
    taken[id] = takeNumber(`${name} of ${id}`, each, bias);
  }
  return taken;
}

function takeList(name: string, list: unknown, { accepts, expected }: Check): unknown[] {
  if (!Array.isArray(list)) throw new RangeValueError(name, list, 'a list');
  if (list.length > MAX_STOPS) throw new RangeValueError(`number of ${name}`, list.length, `at most ${MAX_STOPS}`);
  for (const [index, element] of list.entries()) {
    if (!accepts(element)) throw new RangeValueError(`${name}[${index}]`, element, expected);
  }
  return [...list];
}
