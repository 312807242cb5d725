// Parameters of `/v1/embeddings`.
import { z } from 'zod';
import { countExpected, countValue, flagValue, MAX_INPUT_TOKENS, MAX_INPUTS } from './kinds.ts';
import { promptsValue } from './prompts.ts';
import { neutral, required, supported } from './row.ts';
import { callShape } from './sampling.ts';

const { model, priority, cache_salt, user } = callShape;

const inputExpected = `a text, a list of ids, or 1 to ${MAX_INPUTS} of either, none empty; up to ${MAX_INPUT_TOKENS} tokens`;

/** The parameters of `/v1/embeddings`. */
export const embeddingParameters = z.strictObject({
  input: required(promptsValue(inputExpected, MAX_INPUTS, false), {
    expected: inputExpected,
    meaning: 'texts whose embeddings are asked for, or their ids',
    examples: ['a', ['a', 'b'], [1, 2], [[1], [2, 3]]],
  }),
  encoding_format: supported(z.enum(['float', 'base64'], { error: '"float" or "base64"' }), {
    expected: '"float" or "base64"',
    meaning: 'numbers, or the bytes of their f32, the low one first, in base64; numbers where it is absent',
    examples: ['float', 'base64'],
  }),
  dimensions: supported(countValue, {
    expected: `${countExpected}, the width of the model`,
    meaning: 'elements of an embedding: all that the model gives',
    examples: [],
  }),
  pooling: supported(z.enum(['mean', 'last'], { error: '"mean" or "last"' }), {
    expected: '"mean" or "last"',
    meaning: 'the mean of the hidden states of all tokens, or that of the last; the mean where it is absent',
    examples: ['mean', 'last'],
  }),
  normalize: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'scale each embedding to length 1; `true` where it is absent',
    examples: [false, true],
  }),
  add_special_tokens: supported(flagValue, {
    expected: '`true` or `false`',
    meaning:
      'put the tokens around a text that the tokenizer names; `false` where it is absent, as for `/v1/completions`',
    examples: [false, true],
  }),
  ...{ model, priority, cache_salt, user },
  truncate_prompt_tokens: neutral([-1], 'an input that is too long is refused'),
});
