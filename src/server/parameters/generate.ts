// Parameters of `/generate`, the names and defaults of the Python project that this one follows.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import { countExpected, countValue, flagValue, numberValue, seedValue, textValue } from './kinds.ts';
import { required, supported } from './row.ts';

/** Values of parameters that a call does not set. */
export const GENERATE_DEFAULTS = {
  max_new_tokens: 64,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  stop_on_eos: true,
  do_sample: false,
  stream: false,
} as const;

const { max_new_tokens: maxNewTokens } = GENERATE_DEFAULTS;

/** The parameters of `/generate`. */
export const generateParameters = z.strictObject({
  prompt: required(textValue, {
    expected: 'a text',
    meaning: 'text to continue; an empty one stands for the eos token',
    examples: ['a'],
  }),
  max_new_tokens: supported(countValue, {
    expected: `${countExpected}, at most the room that the prompt leaves`,
    meaning: `${P.maxTokens.meaning}; ${maxNewTokens}, or the room that the prompt leaves`,
    examples: [1, 5],
  }),
  do_sample: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'draw tokens; `false`, where it is absent, takes the most likely ones',
    examples: [false, true],
  }),
  temperature: supported(numberValue(P.temperature), {
    expected: P.temperature.expected,
    meaning: P.temperature.meaning,
    examples: [0, 1],
  }),
  top_k: supported(numberValue(P.topK), { expected: P.topK.expected, meaning: P.topK.meaning, examples: [0, 40] }),
  top_p: supported(numberValue(P.topP), { expected: P.topP.expected, meaning: P.topP.meaning, examples: [0.9, 1] }),
  stop_on_eos: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'end with the eos token; `true` where it is absent',
    examples: [true, false],
  }),
  seed: supported(seedValue, { expected: P.seed.range, meaning: P.seed.meaning, examples: [0, 7] }),
  stream: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'send plain text as it arrives',
    examples: [false],
  }),
});
