// The official client of OpenAI's API, as it comes: it sends what it likes and reads what it expects.
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { HeldRunner } from '../support/engine/test-runners.ts';
import { SERVER_LIMITS, startTestServer, type TestServer } from '../support/server/test-server.ts';

const KEY = 'a key of the tests'.replaceAll(' ', '-');
const messages = [{ role: 'user' as const, content: 'Who came to the castle?' }];
let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  const runner = new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 512, numBlocks: 1024 });
  server = await startTestServer({ runner, options: { keys: [KEY] } });
  client = clientOf(server);
});

afterAll(() => server[Symbol.asyncDispose]());

function clientOf({ url }: TestServer, apiKey = KEY): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

test('completions: whole, in pieces, several, with stop and logprobs', async () => {
  const call = { model: 'tales', prompt: 'Once upon a time', max_tokens: 12, seed: 4 };
  const whole = await client.completions.create(call);
  const [choice] = whole.choices;
  expect(whole.usage).toMatchObject({ completion_tokens: 12 });
  expect(choice?.finish_reason).toBe('length');
  let text = '';
  let total: number | undefined;
  for await (const chunk of await client.completions.create({
    ...call,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    text += chunk.choices[0]?.text ?? '';
    total = chunk.usage?.total_tokens ?? total;
  }
  expect(text).toBe(choice?.text);
  expect(total).toBe(whole.usage?.total_tokens);
  const several = await client.completions.create({ ...call, n: 2, logprobs: 2, stop: [text.slice(8, 11)] });
  expect(several.choices.map(({ index }) => index)).toEqual([0, 1]);
  expect(several.choices[0]?.logprobs?.tokens?.length).toBeGreaterThan(0);
});

test('chat: whole, in pieces, with usage and logprobs, and by the helper for streams', async () => {
  const call = { model: 'tales', messages, max_completion_tokens: 10, seed: 4 };
  const whole = await client.chat.completions.create({ ...call, logprobs: true, top_logprobs: 2 });
  const text = whole.choices[0]?.message.content;
  expect(whole.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
  const stream = client.chat.completions.stream({ ...call, stream_options: { include_usage: true } });
  const final = await stream.finalChatCompletion();
  expect(final.choices[0]?.message.content).toBe(text);
  expect(final.usage?.total_tokens).toBe(whole.usage?.total_tokens);
  const two = await client.chat.completions.create({ ...call, n: 2 });
  expect(two.choices).toHaveLength(2);
});

test('responses: whole, in pieces, and after one that was stored', async () => {
  const call = { model: 'tales', input: 'Who came?', max_output_tokens: 10 };
  const first = await client.responses.create(call);
  expect(first.output_text.length).toBeGreaterThan(0);
  const types: string[] = [];
  let text = '';
  const stream = client.responses.stream({ ...call, previous_response_id: first.id, instructions: 'Be brief.' });
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  const final = await stream.finalResponse();
  expect(final.output_text).toBe(text);
  expect(types.slice(0, 2)).toEqual(['response.created', 'response.in_progress']);
  expect(types.at(-1)).toMatch(/^response\.(completed|incomplete)$/);
  const stored = await client.responses.retrieve(first.id);
  expect(stored.output_text).toBe(first.output_text);
  await client.responses.delete(first.id);
  await expect(client.responses.retrieve(first.id)).rejects.toThrow(OpenAI.NotFoundError);
});

test('objects of a schema: whole, in pieces, and as a response', async () => {
  const guest = z.object({
    kind: z.enum(['king', 'frog']),
    age: z.int().min(0).max(120),
    wise: z.boolean().nullable(),
  });
  const call = { model: 'tales', messages, max_completion_tokens: 200, seed: 4 };
  const format = { response_format: zodResponseFormat(guest, 'guest') };
  const whole = await client.chat.completions.parse({ ...call, ...format });
  const parsed = whole.choices[0]?.message.parsed;
  expect(guest.parse(parsed)).toEqual(parsed);
  const stream = client.chat.completions.stream({ ...call, ...format });
  expect((await stream.finalChatCompletion()).choices[0]?.message.parsed).toEqual(parsed);
  const text = { format: zodTextFormat(guest, 'guest') };
  const response = await client.responses.parse({ model: 'tales', input: 'Who came?', max_output_tokens: 200, text });
  expect(guest.parse(response.output_parsed)).toEqual(response.output_parsed);
  const refused = client.chat.completions.create({
    ...call,
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { not: {} } } },
  });
  await expect(refused).rejects.toMatchObject({ status: 400, code: 'unsupported_schema' });
});

test('models', async () => {
  const list = await client.models.list();
  expect(list.data.map(({ id }) => id)).toEqual(['tales']);
  expect((await client.models.retrieve('tales')).owned_by).toBe('roseinfer');
});

test('an aborted stream frees its blocks', async () => {
  const abort = new AbortController();
  const call = { model: 'tales', prompt: 'Once', max_tokens: 200, logit_bias: { 8191: -100 }, stream: true as const };
  const stream = await client.completions.create(call, { signal: abort.signal });
  for await (const _ of stream) {
    abort.abort();
    break;
  }
  await expect.poll(() => server.server.numChoices).toBe(0);
});

describe('errors', () => {
  const call = { model: 'tales', prompt: 'Once' };
  test.each([
    ['400', { ...call, temperature: -1 }, OpenAI.BadRequestError, 'temperature'],
    ['404', { ...call, model: 'other' }, OpenAI.NotFoundError, 'model'],
    ['413', { ...call, prompt: 'a'.repeat(2 << 20) }, OpenAI.APIError, null],
  ])('%s', async (status, parameters, type, param) => {
    const error = await client.completions.create(parameters).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status: Number(status), param });
  });

  test('401', async () => {
    await expect(clientOf(server, 'other').completions.create(call)).rejects.toThrow(OpenAI.AuthenticationError);
  });

  test('429 and 504', async () => {
    const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
    await using held = await startTestServer({
      runner,
      options: { requestTimeout: 0.3 },
      engine: { maxQueuedRequests: 0 },
    });
    const own = clientOf(held);
    const first = own.completions.create(call).catch((each: unknown) => each);
    await expect.poll(() => held.server.numChoices).toBe(1);
    const refused = await own.completions.create(call).catch((each: unknown) => each);
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refused).toMatchObject({ code: 'queue_full' });
    expect(await first).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    const release = setInterval(() => runner.settle(), 1);
    await held.server.close();
    clearInterval(release);
  });
});
