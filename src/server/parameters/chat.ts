// Parameters of `/v1/chat/completions`, and its messages.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import {
  boundedList,
  countExpected,
  countValue,
  flagValue,
  integerValue,
  joinParts,
  MAX_CHOICES,
  MAX_LOGPROBS,
  MAX_MESSAGES,
  notesExpected,
  notesValue,
  objectError,
  resumeRow,
  resumeValue,
  streamOptionsValue,
  textValue,
} from './kinds.ts';
import { ignored, neutral, refused, required, supported } from './row.ts';
import { callShape, foreignShape, samplingShape } from './sampling.ts';
import { structuredShape } from './structured.ts';
import { argumentsValue, callIdExpected, callIdValue, MAX_CALLS } from './tool-messages.ts';
import { chatToolShape } from './tools.ts';

const contentExpected = `a text or a list of parts of type text, 1 to ${MAX_MESSAGES}`;
const partValue = z.strictObject(
  { type: z.literal('text', { error: '"text"' }), text: textValue },
  { error: objectError(contentExpected) },
);
/** A text is its only part. */
const contentValue = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value),
  boundedList(partValue, MAX_MESSAGES, contentExpected),
);
const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
const messageExpected = 'an object with role and content';
const messagesExpected = `1 to ${MAX_MESSAGES} messages, each with role and content`;

const callsExpected = `a list of up to ${MAX_CALLS} calls of an assistant, each with id and function`;
const callValue = z.strictObject(
  {
    id: callIdValue,
    type: z.literal('function', { error: '"function"' }).optional(),
    function: z.strictObject({ name: textValue, arguments: argumentsValue }, { error: objectError(callsExpected) }),
  },
  { error: objectError(callsExpected) },
);

/** Schema of a message. */
const messageValue = z
  .strictObject(
    {
      role: z.enum(roles, { error: `one of ${roles.join(', ')}` }),
      content: contentValue.optional(),
      tool_calls: z.array(callValue, { error: callsExpected }).max(MAX_CALLS, { error: callsExpected }).optional(),
      tool_call_id: callIdValue.optional(),
      annotations: neutral([[]], 'annotations of an answer that comes back'),
      refusal: neutral([], 'refusals'),
    },
    { error: objectError(messageExpected) },
  )
  .superRefine(({ role, content, tool_calls: calls = [], tool_call_id: id }, { addIssue }) => {
    const refuse = (path: string, message: string) => addIssue({ code: 'custom', path: [path], message });
    if (content === undefined && calls.length === 0) refuse('content', contentExpected);
    if (calls.length > 0 && role !== 'assistant') refuse('tool_calls', "none, as the message is no assistant's");
    if (role === 'tool' && id === undefined) refuse('tool_call_id', callIdExpected);
    if (role !== 'tool' && id !== undefined) refuse('tool_call_id', "none, as the message is no tool's");
  });

/** Schema of the messages of a chat. */
export const messagesValue = boundedList(messageValue, MAX_MESSAGES, messagesExpected);

const maxTokens = {
  expected: `${countExpected}, at most the room that the messages leave`,
  meaning: `${P.maxTokens.meaning}; the room that the messages leave where it is absent`,
  examples: [1, 5],
};

/** Parameters of the caller's own, shared with `/v1/responses`. */
export const callerShape = {
  metadata: ignored(notesValue, {
    expected: notesExpected,
    meaning: 'notes of the caller',
    examples: [{}, { a: 'b' }],
  }),
  service_tier: neutral(['auto', 'default'], 'tiers of service'),
  safety_identifier: ignored(textValue, { expected: 'any text', meaning: 'name of an end user', examples: ['x'] }),
  prompt_cache_key: ignored(textValue, {
    expected: 'any text',
    meaning: 'prefixes are found without',
    examples: ['x'],
  }),
};

/** The parameters of `/v1/chat/completions`. */
export const chatParameters = z.strictObject({
  messages: required(messagesValue, {
    expected: messagesExpected,
    meaning: 'the chat so far; content is a text or a list of parts of type text',
    examples: [[{ role: 'user', content: 'a' }], [{ role: 'user', content: [{ type: 'text', text: 'a' }] }]],
  }),
  max_completion_tokens: supported(countValue, maxTokens),
  max_tokens: supported(countValue, {
    ...maxTokens,
    meaning: 'older name of `max_completion_tokens`, which comes first',
  }),
  n: supported(integerValue(1, MAX_CHOICES), {
    expected: `an integer in [1, ${MAX_CHOICES}]`,
    meaning: 'answers to the chat',
    examples: [1, 2],
  }),
  logprobs: supported(flagValue, {
    expected: '`true` or `false`',
    meaning: 'report the log-probability of every generated id',
    examples: [false, true],
  }),
  top_logprobs: supported(integerValue(0, MAX_LOGPROBS), {
    expected: `an integer in [0, ${MAX_LOGPROBS}], with \`logprobs\``,
    meaning: 'number of the most likely ids in its place of which they are reported too',
    examples: [0],
  }),
  stream_options: supported(streamOptionsValue, {
    expected: '`include_usage` and `continuous_usage_stats`, each `true` or `false`',
    meaning: 'a last chunk with the usage; the usage so far in each chunk',
    examples: [{}, { include_usage: true }],
  }),
  resume: supported(resumeValue, resumeRow),
  ...samplingShape,
  ...callShape,
  ...structuredShape,
  ...foreignShape,
  ...chatToolShape,
  ...callerShape,
  functions: neutral([[]], 'tools'),
  function_call: neutral(['none', 'auto'], 'tools'),
  store: neutral([true, false], 'nothing is kept of a chat'),
  modalities: neutral([['text']], 'sound'),
  audio: refused('sound'),
  prediction: refused('predicted output'),
  reasoning_effort: neutral(['none'], 'reasoning'),
  include_reasoning: neutral([true, false], 'reasoning'),
  separate_reasoning: neutral([true, false], 'reasoning'),
  stream_reasoning: neutral([true, false], 'reasoning'),
  echo: neutral([false], 'the chat before the answer'),
  verbosity: neutral(['medium'], 'length by a word'),
  web_search_options: refused('search'),
  add_generation_prompt: neutral([true], 'the prompt always ends where the answer begins'),
  continue_final_message: neutral([false], 'the last message is always complete'),
  add_special_tokens: neutral([false], 'the template writes all special tokens'),
  chat_template: refused("the model's own template is used"),
  chat_template_kwargs: neutral([{}], 'values for the template'),
  documents: neutral([[]], 'documents for the template'),
  prompt_logprobs: refused('log-probabilities of the prompt'),
});

/** Makes the messages of parameters as templates take them. */
export function chatMessages(messages: z.output<typeof messagesValue>): ChatMessage[] {
  return messages.map(({ role, content = [], tool_calls: calls = [], tool_call_id: toolCallId }) => ({
    role,
    content: joinParts(content),
    ...(calls.length > 0 && { toolCalls: calls.map(({ id, function: called }) => ({ id, ...called })) }),
    ...(toolCallId !== undefined && { toolCallId }),
  }));
}
