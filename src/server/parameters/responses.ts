// Parameters of `/v1/responses`, and its items as messages.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { toolShape } from './chat.ts';
import { countExpected, countValue, flagValue, MAX_MESSAGES, numberValue, seedValue, textValue } from './kinds.ts';
import { neutral, refused, required, supported } from './row.ts';
import { callShape } from './sampling.ts';

const roles = ['system', 'developer', 'user', 'assistant'] as const;
const partValue = z.strictObject({
  type: z.enum(['input_text', 'output_text']),
  text: z.string(),
  annotations: neutral([[]], 'annotations'),
  logprobs: neutral([[]], 'log-probabilities'),
});
const itemValue = z.strictObject({
  type: z.literal('message').optional(),
  role: z.enum(roles),
  content: z.union([z.string(), z.array(partValue).min(1)]),
  id: z.string().optional(),
  status: z.string().optional(),
});
const inputExpected = `a text, or 1 to ${MAX_MESSAGES} messages of texts`;
const inputValue = z.union([z.string(), z.array(itemValue).min(1).max(MAX_MESSAGES)], { error: inputExpected });

/** The parameters of `/v1/responses`. */
export const responseParameters = z.strictObject({
  input: required(inputValue, {
    expected: inputExpected,
    meaning: 'message of the user, or the messages of a chat',
    examples: ['a', [{ role: 'user', content: 'a' }], [{ role: 'user', content: [{ type: 'input_text', text: 'a' }] }]],
  }),
  instructions: supported(textValue, {
    expected: 'a text',
    meaning: 'message of the system before all others; those of an earlier response do not count',
    examples: ['a'],
  }),
  previous_response_id: supported(textValue, {
    expected: 'the id of a response that is stored',
    meaning: 'the messages of that response, and its answer, come before the input',
    examples: [],
  }),
  store: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'keep the response for later calls of the same key; `true` where it is absent',
    examples: [true, false],
  }),
  max_output_tokens: supported(countValue, {
    expected: `${countExpected}, at most the room that the messages leave`,
    meaning: `${P.maxTokens.meaning}; the room that the messages leave where it is absent`,
    examples: [1, 5],
  }),
  temperature: supported(numberValue(P.temperature), {
    expected: P.temperature.expected,
    meaning: P.temperature.meaning,
    examples: [0, 1],
  }),
  top_p: supported(numberValue(P.topP), { expected: P.topP.expected, meaning: P.topP.meaning, examples: [0.9, 1] }),
  seed: supported(seedValue, { expected: P.seed.range, meaning: P.seed.meaning, examples: [0, 7] }),
  ...callShape,
  ...toolShape,
  text: neutral([{}, { format: { type: 'text' } }], 'structured output'),
  truncation: neutral(['disabled'], 'a chat that is too long is refused'),
  reasoning: neutral([{}], 'reasoning'),
  include: neutral([[]], 'further parts of the answer'),
  background: neutral([false], 'answers that nobody waits for'),
  top_logprobs: neutral([0], 'log-probabilities'),
  max_tool_calls: refused('tools'),
  conversation: refused('conversations that the server keeps'),
  prompt: refused('prompts that the server keeps'),
});

/** Makes the messages of an input. */
export function inputMessages(input: z.output<typeof inputValue>): ChatMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  return input.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  }));
}
