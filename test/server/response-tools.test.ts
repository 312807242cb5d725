// Calls of tools in responses, through the official client: items of the output, events in order, and chats that go on with results.
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import type { ResponseInput, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';
import { TOOL_TEMPLATES } from '../support/tools/templates.ts';

const PARAMETERS = {
  type: 'object',
  properties: { age: { type: 'integer', minimum: 0, maximum: 120 } },
  required: ['age'],
  additionalProperties: false,
};
const TOOLS = [
  { type: 'function' as const, name: 'find', description: 'Finds a guest.', parameters: PARAMETERS, strict: true },
];
const CALL = { model: 'tales', input: 'Who came?', tools: TOOLS, max_output_tokens: 400 };
const fits = new Ajv2020({ strict: true }).compile(PARAMETERS);
const runner = new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 2048, numBlocks: 8192 });
const values = new Map([['tokenizer.chat_template', TOOL_TEMPLATES.hermes]]);
const template = ChatTemplate.fromGGUF(values, 'model.gguf', talesTokenizer)!;
let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startTestServer({ runner, chat: { template } });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  template.close();
});
afterEach(() => {
  runner.script = [];
});

/** Sends a call with fields that the client's types do not have, such as `seed`. */
const create = (fields: object) => client.responses.create({ ...CALL, ...fields, stream: false });
const calls = (response: OpenAI.Responses.Response) => response.output.filter((item) => item.type === 'function_call');

test('calls are items of the output, whole and streamed, with arguments that fit', async () => {
  const choices = ['required', { type: 'function', name: 'find' }] as const;
  for (const tool_choice of choices) {
    const fields = { tool_choice, seed: 3 };
    const whole = await create(fields);
    expect(whole).toMatchObject({ status: 'completed', output_text: '', tools: TOOLS, tool_choice });
    expect(calls(whole)).toHaveLength(whole.output.length);
    for (const item of calls(whole)) {
      expect(item).toMatchObject({ name: 'find', status: 'completed', call_id: expect.stringMatching(/^call_/) });
      expect(fits(JSON.parse(item.arguments))).toBe(true);
    }
    const streamed = await client.responses.stream({ ...CALL, ...fields }).finalResponse();
    const plain = (response: OpenAI.Responses.Response) => calls(response).map((item) => item.arguments);
    expect(plain(streamed)).toEqual(plain(whole));
  }
});

test('the events of a text and of the calls after it come in order', async () => {
  runner.script = talesTokenizer.encode('Let me see.<tool_call>');
  const stream = await client.responses.create({ ...CALL, stream: true, parallel_tool_calls: false });
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
  expect(types).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.output_item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'response.output_item.done',
    'response.completed',
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  const places = events.flatMap((event) => ('output_index' in event ? [event.output_index] : []));
  expect(places).toEqual(places.toSorted());
  const last = events.at(-1);
  const output = last?.type === 'response.completed' ? last.response.output : [];
  const done = events.flatMap((event) => (event.type === 'response.output_item.done' ? [event.item] : []));
  expect(done).toEqual(output);
  expect(output).toMatchObject([
    { type: 'message', content: [{ text: 'Let me see.' }] },
    { type: 'function_call', name: 'find', status: 'completed' },
  ]);
});

test('an answer that is cut within a call ends with what is there of it', async () => {
  runner.script = talesTokenizer.encode('<tool_call>\n{"name": "find", "arguments": {"age": ');
  const fields = { max_output_tokens: runner.script.length };
  const whole = await create(fields);
  expect(whole).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  expect(calls(whole)).toMatchObject([{ status: 'incomplete', arguments: '{"age": ' }]);
  const streamed = await client.responses.stream({ ...CALL, ...fields }).finalResponse();
  expect(calls(streamed)).toMatchObject([{ status: 'incomplete', arguments: calls(whole)[0]!.arguments }]);
});

test('a chat goes on with the results of its calls: given whole, or after a response that is stored', async () => {
  const first = await create({ tool_choice: 'required', parallel_tool_calls: false, seed: 5 });
  const [call] = calls(first);
  const result = { type: 'function_call_output' as const, call_id: call!.call_id, output: 'A frog.' };
  const input: ResponseInput = [{ role: 'user', content: CALL.input }, call!, result];
  const next = { tool_choice: 'none', max_output_tokens: 2, return_token_ids: true };
  const promptOf = (response: object) =>
    talesTokenizer.decode(Reflect.get(response, 'prompt_token_ids'), { skipSpecialTokens: false });
  const given = promptOf(await create({ ...next, input }));
  const after = promptOf(await create({ ...next, input: [result], previous_response_id: first.id }));
  expect(after).toBe(given);
  expect(given).toMatch(/^user: Who came\?\nassistant: <tool_call>\n\{"name": "find", "arguments": \{"age": \d+\}\}\n/);
  expect(given).toMatch(new RegExp(`\ntool find ${call!.call_id}: A frog\\.\nassistant: $`));
});

test.each([
  [{ input: [{ type: 'reasoning' }] }, 'input[0].type', 'expected "message", "function_call"'],
  [
    { input: [{ type: 'function_call', call_id: '1', name: 'a', arguments: '[]' }] },
    'input[0].arguments',
    'expected the text of a JSON object',
  ],
  [{ input: [{ type: 'function_call', name: 'a', arguments: '{}' }] }, 'input[0].call_id', 'is missing'],
  [
    { input: [{ type: 'function_call_output', call_id: '1', output: 'a' }] },
    'input[0].call_id',
    'expected the id of a call before it',
  ],
  [{ tools: [{ type: 'function', function: { name: 'a' } }] }, 'tools[0].name', 'is missing'],
  [
    { tools: [{ ...TOOLS[0], parameters: { type: 'object', properties: { a: { not: {} } } } }] },
    'tools[0].parameters',
    'schema at #/properties/a: not',
  ],
  [{ tools: [TOOLS[0], TOOLS[0]] }, 'tools[1].name', 'expected a name of its own'],
  [{ tool_choice: { type: 'function', name: 'b' } }, 'tool_choice.name', 'is "b", expected one of find'],
  [{ text: { format: { type: 'json_object' } } }, 'text.format', 'given beside tools'],
])('%# is refused by its place', async (fields: object, param, message) => {
  const response = await server.post('/v1/responses', { ...CALL, ...fields });
  const { error = null } = JSON.parse(await response.text());
  expect([response.status, error?.param]).toEqual([400, param]);
  expect(error.message).toContain(message);
});
