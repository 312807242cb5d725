// Parameters of `/v1/completions`.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import {
  countExpected,
  flagValue,
  integerValue,
  MAX_CHOICES,
  MAX_LOGPROBS,
  MAX_PROMPTS,
  resumeRow,
  resumeValue,
  streamOptionsValue,
} from './kinds.ts';
import { promptsValue } from './prompts.ts';
import { neutral, refused, required, supported } from './row.ts';
import { callShape, foreignShape, samplingShape } from './sampling.ts';
import { structuredShape } from './structured.ts';

const promptExpected = `a text, a list of ids, or 1 to ${MAX_PROMPTS} of either`;
const maxTokensExpected = `${countExpected}, at most the room that the prompt leaves; 0 with \`echo\` and \`logprobs\``;
const maxTokensValue = z.int({ error: maxTokensExpected }).min(0, { error: maxTokensExpected });

/** The parameters of `/v1/completions`. */
export const completionParameters = z.strictObject({
  prompt: required(promptsValue(promptExpected, MAX_PROMPTS), {
    expected: promptExpected,
    meaning: 'texts to continue, or their ids; an empty text stands for the eos token',
    examples: ['a', ['a', 'b'], [1, 2], [[1], [2, 3]]],
  }),
  max_tokens: supported(maxTokensValue, {
    expected: maxTokensExpected,
    meaning: `${P.maxTokens.meaning}; ${P.maxTokens.defaultText}`,
    examples: [1, 5],
  }),
  n: supported(integerValue(1, MAX_CHOICES), {
    expected: `an integer in [1, ${MAX_CHOICES}]; prompts × n at most ${MAX_CHOICES}`,
    meaning: 'completions of each prompt',
    examples: [1, 2],
  }),
  logprobs: supported(integerValue(0, MAX_LOGPROBS), {
    expected: `an integer in [0, ${MAX_LOGPROBS}]`,
    meaning: P.logprobs.meaning,
    examples: [0, 3],
  }),
  echo: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'put the prompt before the completion; with `logprobs`, its tokens have log-probabilities, too',
    examples: [false, true],
  }),
  stream_options: supported(streamOptionsValue, {
    expected: '`include_usage` and `continuous_usage_stats`, each `true` or `false`',
    meaning: 'a last chunk with the usage; the usage so far in each chunk',
    examples: [{}, { include_usage: true }],
  }),
  add_special_tokens: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'put the tokens around a text that the tokenizer names, such as a BOS; `false` where it is absent',
    examples: [false, true],
  }),
  resume: supported(resumeValue, resumeRow),
  ...samplingShape,
  ...callShape,
  ...structuredShape,
  ...foreignShape,
  suffix: neutral([''], 'text after the completion'),
  prompt_logprobs: refused('log-probabilities of the prompt: see `echo`'),
  prompt_embeds: refused('embeddings in place of a prompt'),
});
