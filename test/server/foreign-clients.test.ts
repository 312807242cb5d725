// Requests as routers and frameworks send them, with the fields that they add by themselves: each is answered.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/server/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const messages = [{ role: 'user', content: 'Who came?' }];
const chat = { model: 'tales', messages, max_tokens: 2 };

test.each([
  [
    'a router writes all of its own switches',
    '/v1/chat/completions',
    {
      ...chat,
      stream: false,
      logprobs: false,
      no_stop_trim: false,
      ignore_eos: false,
      continue_final_message: false,
      skip_special_tokens: true,
      separate_reasoning: true,
      stream_reasoning: true,
      return_hidden_states: false,
    },
  ],
  [
    'a router of completions',
    '/v1/completions',
    {
      model: 'tales',
      prompt: 'Once',
      max_tokens: 2,
      echo: false,
      top_k: -1,
      min_p: 0,
      repetition_penalty: 1,
      no_stop_trim: false,
      ignore_eos: false,
      skip_special_tokens: true,
      return_hidden_states: false,
    },
  ],
  [
    'a router of responses',
    '/v1/responses',
    {
      model: 'tales',
      input: 'Who came?',
      max_output_tokens: 2,
      background: false,
      parallel_tool_calls: true,
      store: true,
      stream: false,
      tools: [],
      tool_choice: 'auto',
      truncation: 'disabled',
      service_tier: 'auto',
      frequency_penalty: 0,
      presence_penalty: 0,
      top_k: -1,
      min_p: 0,
      repetition_penalty: 1,
      priority: 0,
    },
  ],
  [
    'a framework sets every parameter of completions',
    '/v1/completions',
    {
      model: 'tales',
      prompt: ['Once'],
      max_tokens: 2,
      best_of: 1,
      n: 1,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: {},
      temperature: 0.7,
      top_p: 1,
      logprobs: null,
      seed: null,
      stop: null,
      suffix: null,
      user: null,
    },
  ],
  [
    'a framework of chats with nulls and empty lists',
    '/v1/chat/completions',
    {
      ...chat,
      n: 1,
      stop: [],
      tools: [],
      tool_choice: null,
      response_format: { type: 'text' },
      metadata: {},
      stream_options: null,
      reasoning_effort: null,
      parallel_tool_calls: null,
      extra_body: null,
    },
  ],
  [
    'the answers of others come back as messages',
    '/v1/chat/completions',
    {
      ...chat,
      messages: [
        ...messages,
        { role: 'assistant', content: 'A bear.', refusal: null, annotations: [], audio: null, function_call: null },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'And ' },
            { type: 'text', text: 'then?' },
          ],
        },
        { role: 'assistant', content: 'A fox.', reasoning_content: null, reasoning: null, tool_calls: [] },
        ...messages,
      ],
    },
  ],
  [
    'a client of agents',
    '/v1/responses',
    {
      model: 'tales',
      input: [
        { role: 'user', content: 'Who came?' },
        {
          type: 'message',
          id: 'msg_1',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'A bear.', annotations: [], logprobs: [] }],
        },
        { role: 'user', content: [{ type: 'input_text', text: 'And then?' }] },
      ],
      max_output_tokens: 2,
      include: [],
      reasoning: { effort: null, summary: null },
      text: { format: { type: 'text' }, verbosity: null },
      metadata: null,
      stream_options: { include_obfuscation: false },
    },
  ],
  [
    'a gateway with notes and ids of its users',
    '/v1/chat/completions',
    {
      ...chat,
      user: 'u-1',
      safety_identifier: 'u-1',
      prompt_cache_key: 'k',
      service_tier: 'auto',
      store: false,
      metadata: { trace: 'a' },
      stream_options: { include_usage: true, include_obfuscation: false },
      include_reasoning: true,
      return_tokens_as_token_ids: false,
      echo: false,
      add_generation_prompt: true,
      chat_template_kwargs: {},
    },
  ],
])('%s', async (_, path, body) => {
  const response = await server.post(path, body);
  const { error = null, usage } = JSON.parse(await response.text());
  expect({ error, status: response.status }).toEqual({ error: null, status: 200 });
  expect(usage.completion_tokens ?? usage.output_tokens).toBe(2);
});

test.each([
  ['an empty key', { authorization: 'Bearer ' }],
  ['a stray key', { authorization: 'Bearer sk-unused' }],
  [
    'the headers of a client of OpenAI',
    { 'x-stainless-lang': 'python', 'x-stainless-retry-count': '0', 'openai-organization': 'a' },
  ],
  ['a type with a charset', { 'content-type': 'application/json;charset=UTF-8' }],
  ['another writing of the charset', { 'content-type': 'application/json; charset=utf8' }],
  ['an encoding that is none', { 'content-encoding': 'Identity' }],
  ['a stream asked for by a header', { accept: 'text/event-stream' }],
])('%s is no fault', async (_, headers) => {
  const response = await server.post('/v1/chat/completions', chat, headers);
  expect(response.status).toBe(200);
});

test('a version of the API as a query is no fault', async () => {
  expect((await server.post('/v1/chat/completions?api-version=2024-10-21', chat)).status).toBe(200);
});

test('responses report ids and times where they are asked for, whole and at the end of a stream', async () => {
  const call = { input: 'Who came?', max_output_tokens: 3, seed: 3, return_token_ids: true, timeline: true };
  const whole = JSON.parse(await (await server.post('/v1/responses', call)).text());
  const events = await (await server.post('/v1/responses', { ...call, stream: true })).text();
  const last = JSON.parse(/data: (.*)\n\n$/.exec(events)?.[1] ?? '').response;
  for (const response of [whole, last]) {
    const { tokens } = JSON.parse(
      await (await server.post('/tokenize', { messages: [{ role: 'user', content: 'Who came?' }] })).text(),
    );
    expect(response.prompt_token_ids).toEqual(tokens);
    expect(response.token_ids).toHaveLength(3);
    expect(response.timeline[0]).toMatchObject({ kind: 'queued', start: 0 });
    expect(response.timeline.at(-1).kind).toBe('decode');
  }
  const plain = JSON.parse(
    await (await server.post('/v1/responses', { ...call, timeline: null, return_token_ids: null })).text(),
  );
  expect(Object.keys(plain)).not.toContain('token_ids');
  expect(Object.keys(plain)).not.toContain('timeline');
});

test('responses take the sampling parameters of the other endpoints', async () => {
  const call = { input: 'Who came?', max_output_tokens: 8, seed: 3 };
  const textOf = async (fields: object) =>
    JSON.parse(await (await server.post('/v1/responses', { ...call, ...fields })).text()).output_text;
  const text = await textOf({});
  expect(await textOf({ stop: [text.slice(4, 6)] })).toBe(text.slice(0, text.indexOf(text.slice(4, 6))));
  expect(await textOf({ stop: [text.slice(4, 6)], min_tokens: 8 })).toBe(text);
});
