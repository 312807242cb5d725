// Parameters of `/v1/responses`, and its items as messages.
import { z } from 'zod';
import { SAMPLING_PARAMETERS as P } from '../../core/sampling-table.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { isRecord } from '../../util/keys.ts';
import { callerShape } from './chat.ts';
import {
  boundedList,
  countExpected,
  countValue,
  flagValue,
  joinParts,
  MAX_MESSAGES,
  objectError,
  textValue,
} from './kinds.ts';
import { neutral, refused, required, supported } from './row.ts';
import { callShape, samplingShape } from './sampling.ts';
import { textFormatValue } from './structured.ts';
import { argumentsValue, callIdValue } from './tool-messages.ts';
import { responseToolShape } from './tools.ts';

const roles = ['system', 'developer', 'user', 'assistant'] as const;
const itemExpected = 'a message with role and content';
const partTypes = ['input_text', 'output_text'] as const;
const partValue = z.strictObject(
  {
    type: z.enum(partTypes, { error: `one of ${partTypes.join(', ')}` }),
    text: textValue,
    annotations: neutral([[]], 'annotations'),
    logprobs: neutral([[]], 'log-probabilities'),
  },
  { error: objectError(itemExpected) },
);
/** A text is its only part. */
const contentValue = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'input_text', text: value }] : value),
  boundedList(partValue, MAX_MESSAGES, `a text or a list of parts of texts, 1 to ${MAX_MESSAGES}`),
);
const statusFields = { id: textValue.optional(), status: textValue.optional() };
const messageItem = z.strictObject(
  {
    type: z.literal('message'),
    role: z.enum(roles, { error: `one of ${roles.join(', ')}` }),
    content: contentValue,
    ...statusFields,
  },
  { error: objectError(itemExpected) },
);
const callItem = z.strictObject({
  type: z.literal('function_call'),
  call_id: callIdValue,
  name: textValue,
  arguments: argumentsValue,
  ...statusFields,
});
const resultItem = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: callIdValue,
  output: contentValue,
  ...statusFields,
});
/** An item without a type is a message. */
const itemValue = z.preprocess(
  (value) => (isRecord(value) && !('type' in value) ? { type: 'message', ...value } : value),
  z.discriminatedUnion('type', [messageItem, callItem, resultItem], {
    error: ({ code }) =>
      code === 'invalid_union' ? '"message", "function_call" or "function_call_output"' : itemExpected,
  }),
);
const inputExpected = `a text, or 1 to ${MAX_MESSAGES} messages of texts, calls and results of tools`;
/** A text is a message of the user. */
const inputValue = z.preprocess(
  (value) => (typeof value === 'string' ? [{ role: 'user', content: value }] : value),
  boundedList(itemValue, MAX_MESSAGES, inputExpected),
);

const textWishesValue = z.strictObject(
  { format: textFormatValue.optional(), verbosity: neutral(['medium'], 'length by a word') },
  { error: objectError('an object with format') },
);

/** The parameters of `/v1/responses`. */
export const responseParameters = z.strictObject({
  input: required(inputValue, {
    expected: inputExpected,
    meaning: 'message of the user, or the messages of a chat',
    examples: ['a', [{ role: 'user', content: 'a' }], [{ role: 'user', content: [{ type: 'input_text', text: 'a' }] }]],
  }),
  instructions: supported(textValue, {
    expected: 'a text',
    meaning: 'system message before all others; that of an earlier response is not kept',
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
  text: supported(textWishesValue, {
    expected:
      '`format`: `type` `text`, `json_object` or `json_schema`, the last with `name`, `schema`, `strict`, `description`',
    meaning: 'hold the text to a JSON object, or to a [JSON Schema](#structured-output), with or without `strict`',
    examples: [
      {},
      { format: { type: 'text' }, verbosity: 'medium' },
      { format: { type: 'json_object' } },
      { format: { type: 'json_schema', name: 'a', schema: { type: 'integer' }, strict: false } },
    ],
  }),
  ...samplingShape,
  ...callShape,
  ...responseToolShape,
  ...callerShape,
  truncation: neutral(['disabled'], 'a chat that is too long is refused'),
  reasoning: neutral([{}], 'reasoning'),
  include: neutral([[]], 'further parts of the answer'),
  background: neutral([false], 'answers that nobody waits for'),
  top_logprobs: neutral([0], 'log-probabilities'),
  stream_options: neutral([{}, { include_obfuscation: false }], 'padding that hides the length of pieces'),
  resume: refused('a response that was cut: `/v1/chat/completions` goes on with a chat'),
  max_tool_calls: refused('tools'),
  conversation: refused('conversations that the server keeps'),
  prompt: refused('prompts that the server keeps'),
});

/** A message, and the place of its item's part that tools bring. */
export interface PlacedMessage {
  readonly message: ChatMessage;
  readonly place: string;
}

/** Makes the messages of an input: calls belong to the assistant's message before them. */
export function inputMessages(input: z.output<typeof inputValue>): PlacedMessage[] {
  const placed: PlacedMessage[] = [];
  for (const [index, item] of input.entries()) {
    const place = `input[${index}].call_id`;
    if (item.type === 'message') placed.push({ message: { role: item.role, content: joinParts(item.content) }, place });
    else if (item.type === 'function_call_output') {
      const { output, call_id: toolCallId } = item;
      placed.push({ message: { role: 'tool', content: joinParts(output), toolCallId }, place });
    } else {
      const { call_id: id, name, arguments: given } = item;
      const last = placed.at(-1)?.message;
      const isOwn = last?.role === 'assistant';
      const { content = '', toolCalls = [] } = isOwn ? last : {};
      if (isOwn) placed.pop();
      const message = {
        role: 'assistant',
        content,
        toolCalls: [...toolCalls, { id, name, arguments: given }],
      } as const;
      placed.push({ message, place });
    }
  }
  return placed;
}
