// A table of calls of tools by SmolLM2-135M-Instruct, through a server as a user starts it and the official client: whole and streamed,
// with a template that knows tools.
// @module-tag smollm2
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import type { ChatCompletion, ChatCompletionFunctionTool, ChatCompletionMessageParam } from 'openai/resources';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProcess } from '../support/server/serve-process.ts';
import { SMOLLM2_FILE } from './file.ts';

const path = process.env[SMOLLM2_FILE] ?? `the environment's ${SMOLLM2_FILE}`;
const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 30 }, unit: { enum: ['celsius', 'fahrenheit'] } },
  required: ['city', 'unit'],
};
const ADD = {
  type: 'object',
  properties: { a: { type: 'integer', minimum: 0, maximum: 999 }, b: { type: 'integer', minimum: 0, maximum: 999 } },
  required: ['a', 'b'],
};
const TOOLS: ChatCompletionFunctionTool[] = [
  { type: 'function', function: { name: 'get_weather', description: 'The weather in a city', parameters: WEATHER } },
  { type: 'function', function: { name: 'add', description: 'The sum of two numbers', parameters: ADD } },
];
const ajv = new Ajv2020({ strict: true });
const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  get_weather: ajv.compile(WEATHER),
  add: ajv.compile(ADD),
};
const named = (name: string) => ({ type: 'function' as const, function: { name } });
const CASES = [
  ['required', 'required', 'What is the weather in Paris, in celsius?', {}],
  ['required, one call', 'required', 'How much is 12 and 30?', { parallel_tool_calls: false }],
  ['required, n = 2', 'required', 'How is the weather in Rome?', { n: 2, temperature: 1 }],
  ['named', named('add'), 'How much is 40 and 2?', {}],
  ['named, against the question', named('get_weather'), 'How much is 40 and 2?', { temperature: 1 }],
  ['parallel', 'required', 'What is the weather in Paris, and what in Rome?', { parallel_tool_calls: true }],
  ['auto', 'auto', 'What is the weather in Paris, in celsius?', {}],
  ['auto, of a text', 'auto', 'Write a sentence about the sea.', { max_tokens: 40 }],
  ['none', 'none', 'What is the weather in Paris?', { max_tokens: 40 }],
] as const;
/** Room for some calls of this model: it may go on with further ones. */
const MAX_TOKENS = 100;

let server: Awaited<ReturnType<typeof startProcess>>;
let client: OpenAI;
const table: string[] = [];

beforeAll(async () => {
  const args = ['--chat-template', 'test/fixtures/smollm2/tools.jinja', '--max-model-len', '1024'];
  server = await startProcess(args, {}, path);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => {
  server.child.kill('SIGKILL');
  console.log(['| call | end | answer |', '| --- | --- | --- |', ...table].join('\n'));
});

/** Choices of an answer as they compare: without the ids of calls, which are drawn. */
const plain = ({ choices }: ChatCompletion) =>
  choices.map(({ message: { content, tool_calls: calls = [] }, finish_reason: reason }) => ({
    reason,
    content: content ?? '',
    calls: calls.flatMap((each) => ('function' in each ? [each.function] : [])),
  }));

test.each(CASES)(
  '%s: whole and streamed the same, of known tools, with arguments that fit',
  async (label, tool_choice, content, fields) => {
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content }];
    const call = {
      model: 'any',
      messages,
      tools: TOOLS,
      tool_choice,
      max_tokens: MAX_TOKENS,
      seed: 1,
      temperature: 0,
      ...fields,
    };
    const { data } = await client.models.list();
    const model = data[0]!.id;
    const whole = plain(await client.chat.completions.create({ ...call, model }));
    const stream = client.chat.completions.stream({ ...call, model });
    expect(plain(await stream.finalChatCompletion())).toEqual(whole);
    for (const { reason, content: text, calls } of whole) {
      const shown = calls.map(({ name, arguments: given }) => `${name}(${given})`).join(', ');
      table.push(
        `| ${label} | ${reason} | ${(shown || text).replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 160)} |`,
      );
      if (tool_choice !== 'auto' && tool_choice !== 'none') expect(text).toBe('');
      if (tool_choice === 'none') expect(calls).toEqual([]);
      if (typeof tool_choice === 'object') expect(calls.map(({ name }) => name)).toEqual([tool_choice.function.name]);
      if (label.includes('one call')) expect(calls.length).toBe(1);
      // The last call of an answer that was cut may be the beginning of one that fits.
      const complete = reason === 'length' ? calls.slice(0, -1) : calls;
      if (calls.length > 0 && reason !== 'length') expect(reason).toBe('tool_calls');
      for (const { name, arguments: given } of complete)
        expect([name, given, FITS[name]?.(JSON.parse(given))]).toEqual([name, given, true]);
    }
  },
);

test('a chat goes on with the result of a call', async () => {
  const [{ id: model } = { id: '' }] = (await client.models.list()).data;
  const messages: ChatCompletionMessageParam[] = [
    { role: 'user', content: 'What is the weather in Paris, in celsius?' },
  ];
  const call = { model, tools: TOOLS, max_tokens: MAX_TOKENS, seed: 1, temperature: 0 };
  const first = await client.chat.completions.create({ ...call, messages, tool_choice: named('get_weather') });
  const { message } = first.choices[0]!;
  const [made] = message.tool_calls!;
  const result = { role: 'tool' as const, tool_call_id: made!.id, content: '{"degrees": 12, "sky": "rain"}' };
  const next = { ...call, messages: [...messages, message, result], tool_choice: 'none' as const };
  const second = await client.chat.completions.create(next);
  const streamed = await client.chat.completions.stream(next).finalChatCompletion();
  expect(plain(streamed)).toEqual(plain(second));
  const [{ content: text } = { content: '' }] = plain(second);
  expect(text).not.toBe('');
  table.push(
    `| after a result | ${second.choices[0]!.finish_reason} | ${text.replaceAll(/\s+/g, ' ').slice(0, 160)} |`,
  );
});
