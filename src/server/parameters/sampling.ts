// Parameters of sampling, the same for every endpoint of OpenAI's shape, and those that routers and clients add by themselves.
import { z } from 'zod';
import type { SamplingOptions } from '../../core/sampling-params.ts';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import {
  biasExpected,
  biasValue,
  flagValue,
  integerValue,
  numberValue,
  seedValue,
  stopExamples,
  stopExpected,
  stopIdsExpected,
  stopIdsValue,
  stopValue,
  textValue,
} from './kinds.ts';
import { ignored, neutral, refused, supported } from './row.ts';

const TOP_K_OFF = -1;
const MAX_PRIORITY = 100;

/** Parameters that choose tokens and end a text. */
export const samplingShape = {
  temperature: supported(numberValue(P.temperature), {
    expected: P.temperature.expected,
    meaning: P.temperature.meaning,
    examples: [0, 1.5],
  }),
  top_p: supported(numberValue(P.topP), { expected: P.topP.expected, meaning: P.topP.meaning, examples: [0.9, 1] }),
  top_k: supported(z.union([z.literal(TOP_K_OFF), numberValue(P.topK)], { error: `${P.topK.expected}, or -1` }), {
    expected: `${P.topK.expected}, or -1`,
    meaning: 'keep the k most likely tokens; 0 and -1 keep all',
    examples: [-1, 0, 40],
  }),
  min_p: supported(numberValue(P.minP), { expected: P.minP.expected, meaning: P.minP.meaning, examples: [0, 0.1] }),
  repetition_penalty: supported(numberValue(P.repetitionPenalty), {
    expected: P.repetitionPenalty.expected,
    meaning: P.repetitionPenalty.meaning,
    examples: [1, 1.3],
  }),
  presence_penalty: supported(numberValue(P.presencePenalty), {
    expected: P.presencePenalty.expected,
    meaning: P.presencePenalty.meaning,
    examples: [0, -1],
  }),
  frequency_penalty: supported(numberValue(P.frequencyPenalty), {
    expected: P.frequencyPenalty.expected,
    meaning: P.frequencyPenalty.meaning,
    examples: [0, 2],
  }),
  logit_bias: supported(biasValue, {
    expected: biasExpected,
    meaning: P.logitBias.meaning,
    examples: [{}, { 5: -100 }],
  }),
  seed: supported(seedValue, {
    expected: P.seed.range,
    meaning: 'the same call with the same seed gives the same ids; drawn where it is absent, and reported',
    examples: [0, 2 ** 53 - 1],
  }),
  stop: supported(stopValue, { expected: stopExpected, meaning: P.stop.meaning, examples: stopExamples }),
  stop_token_ids: supported(stopIdsValue, {
    expected: stopIdsExpected,
    meaning: P.stopTokenIds.meaning,
    examples: [[], [7]],
  }),
  min_tokens: supported(numberValue(P.minTokens), {
    expected: P.minTokens.expected,
    meaning: P.minTokens.meaning,
    examples: [0, 1],
  }),
  ignore_eos: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: P.ignoreEos.meaning,
    examples: [false, true],
  }),
} as const;

/** Parameters of the call as a whole. */
export const callShape = {
  model: supported(textValue, {
    expected: 'a name that `/v1/models` lists',
    meaning: 'the model; the served one where it is absent',
    examples: [],
  }),
  stream: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'send the text as it arrives',
    examples: [false],
  }),
  priority: supported(integerValue(-MAX_PRIORITY, MAX_PRIORITY), {
    expected: `an integer in [-${MAX_PRIORITY}, ${MAX_PRIORITY}]`,
    meaning: 'the lower, the sooner, with `--policy priority`',
    examples: [0, -5],
  }),
  cache_salt: supported(textValue, {
    expected: 'a text',
    meaning: 'prefixes are shared among calls of one key with the same salt only',
    examples: ['', 'a'],
  }),
  timeline: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'report where the time of each choice went, as the header `x-roseinfer-timeline: true` does',
    examples: [false, true],
  }),
  return_token_ids: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'report the ids of prompt and output as `prompt_token_ids` and `token_ids`',
    examples: [false, true],
  }),
  user: ignored(textValue, { expected: 'any text', meaning: 'name of an end user', examples: ['somebody'] }),
} as const;

/** Parameters of other servers, accepted where they change nothing. */
export const foreignShape = {
  best_of: neutral([1], 'several completions of which the best is kept'),
  use_beam_search: neutral([false], 'beam search'),
  length_penalty: neutral([1], 'beam search'),
  early_stopping: neutral([false], 'beam search'),
  skip_special_tokens: neutral([true], 'special tokens are never part of a text'),
  spaces_between_special_tokens: neutral([true, false], 'special tokens are never part of a text'),
  include_stop_str_in_output: neutral([false], 'stop strings are never part of a text'),
  no_stop_trim: neutral([false], 'stop strings are never part of a text'),
  truncate_prompt_tokens: neutral([-1], 'a prompt that is too long is refused'),
  bad_words: neutral([[]], 'texts that may not occur'),
  allowed_token_ids: refused('ids that may occur'),
  logits_processors: neutral([[]], 'code of the caller'),
  typical_p: neutral([1], 'typical sampling'),
  tfs_z: neutral([1], 'tail-free sampling'),
  mirostat: neutral([0], 'mirostat sampling'),
  xtc_probability: neutral([0], 'XTC sampling'),
  dry_multiplier: neutral([0], 'DRY sampling'),
  lora_path: refused('adapters of weights'),
  return_hidden_states: neutral([false], 'states of layers'),
  return_tokens_as_token_ids: neutral([false], 'see `return_token_ids`'),
} as const;

/** Values of `samplingShape`. */
export interface SamplingValues {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly min_p?: number | undefined;
  readonly repetition_penalty?: number | undefined;
  readonly presence_penalty?: number | undefined;
  readonly frequency_penalty?: number | undefined;
  readonly logit_bias?: Readonly<Record<string, number>> | undefined;
  readonly stop?: string | readonly string[] | undefined;
  readonly stop_token_ids?: readonly number[] | undefined;
  readonly min_tokens?: number | undefined;
  readonly ignore_eos?: boolean | undefined;
}

/** Makes the engine's options of the API's values; the seed is each choice's own. */
export function samplingOptions(values: SamplingValues) {
  return {
    temperature: values.temperature,
    topP: values.top_p,
    topK: values.top_k === TOP_K_OFF ? 0 : values.top_k,
    minP: values.min_p,
    repetitionPenalty: values.repetition_penalty,
    presencePenalty: values.presence_penalty,
    frequencyPenalty: values.frequency_penalty,
    logitBias: values.logit_bias,
    stop: typeof values.stop === 'string' ? [values.stop] : values.stop,
    stopTokenIds: values.stop_token_ids,
    minTokens: values.min_tokens,
    ignoreEos: values.ignore_eos,
  } satisfies SamplingOptions;
}
