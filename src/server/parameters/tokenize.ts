// Parameters of `/tokenize` and `/detokenize`, in the shape of vLLM's, which routers ask for the ids of a prompt.
import { z } from 'zod';
import { messagesValue } from './chat.ts';
import { flagValue, idsValue, textValue } from './kinds.ts';
import { neutral, required, supported } from './row.ts';
import { callShape } from './sampling.ts';

const { model } = callShape;

/** The parameters of `/tokenize`. */
export const tokenizeParameters = z.strictObject({
  prompt: supported(textValue, { expected: 'a text', meaning: 'text whose ids are asked for', examples: ['a'] }),
  messages: supported(messagesValue, {
    expected: 'the messages of a chat, in place of `prompt`',
    meaning: 'chat whose ids are asked for',
    examples: [],
  }),
  model,
  add_special_tokens: supported(flagValue, {
    expected: '`true` or `false`',
    meaning:
      'put the tokens around a text that the tokenizer names; `false` where it is absent, as for `/v1/completions`',
    examples: [false, true],
  }),
  return_token_strs: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'report the text of each id, too',
    examples: [false, true],
  }),
  add_generation_prompt: neutral([true], 'the ids of a chat always end where the answer begins'),
  continue_final_message: neutral([false], 'the last message is always complete'),
  chat_template_kwargs: neutral([{}], 'values for the template'),
  tools: neutral([[]], 'tools'),
});

/** Most ids in one call: others wait while they become text. */
const MAX_TOKENS = 32_768;
const idsExpected = `a list of up to ${MAX_TOKENS} ids`;

/** The parameters of `/detokenize`. */
export const detokenizeParameters = z.strictObject({
  tokens: required(idsValue(idsExpected, MAX_TOKENS), {
    expected: idsExpected,
    meaning: 'ids whose text is asked for, special tokens included',
    examples: [[], [1, 2]],
  }),
  model,
});
