// Parameters of `/v1/completions`.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import {
  countExpected,
  flagValue,
  integerValue,
  isId,
  MAX_CHOICES,
  MAX_LOGPROBS,
  MAX_PROMPTS,
  resumeRow,
  resumeValue,
  streamOptionsValue,
} from './kinds.ts';
import { neutral, refused, required, supported } from './row.ts';
import { callShape, foreignShape, samplingShape } from './sampling.ts';

const promptExpected = `a text, a list of ids, or 1 to ${MAX_PROMPTS} of either`;
type Prompt = string | readonly string[] | readonly number[] | readonly (readonly number[])[];
const promptValue = z
  .custom<Prompt>((value) => typeof value === 'string' || Array.isArray(value), { error: promptExpected })
  .superRefine((prompt, { addIssue }) => {
    const path = typeof prompt === 'string' ? null : faultIn(prompt);
    if (path !== null) addIssue({ code: 'custom', path, message: promptExpected });
  });

const maxTokensExpected = `${countExpected}, at most the room that the prompt leaves; 0 with \`echo\` and \`logprobs\``;
const maxTokensValue = z.int({ error: maxTokensExpected }).min(0, { error: maxTokensExpected });

/** Finds the first fault of a list of ids, texts, or lists of ids: its place, empty for the list itself; null where there is none. */
function faultIn(prompt: readonly unknown[]): number[] | null {
  const [first] = prompt;
  const isIds = isId(first);
  if (prompt.length === 0 || (!isIds && prompt.length > MAX_PROMPTS)) return [];
  const isText = (value: unknown) => typeof value === 'string';
  const wrong = prompt.findIndex((each) => !(isIds ? isId(each) : isText(first) ? isText(each) : isIdList(each)));
  return wrong < 0 ? null : [wrong];
}

function isIdList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isId);
}

/** The parameters of `/v1/completions`. */
export const completionParameters = z.strictObject({
  prompt: required(promptValue, {
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
  ...foreignShape,
  suffix: neutral([''], 'text after the completion'),
  response_format: neutral([{ type: 'text' }], 'structured output'),
  prompt_logprobs: refused('log-probabilities of the prompt: see `echo`'),
  prompt_embeds: refused('embeddings in place of a prompt'),
});
