// The AI SDK with its provider for servers of OpenAI's shape, as they come.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/server/test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ options: { keys: ['key'] } });
});

afterAll(() => server[Symbol.asyncDispose]());

function provider(apiKey = 'key') {
  return createOpenAICompatible({ name: 'roseinfer', baseURL: `${server.url}/v1`, apiKey, includeUsage: true });
}

const call = { prompt: 'Who came to the castle?', maxOutputTokens: 8, seed: 3, maxRetries: 0 };

test('chats: whole and in pieces, with usage and the reason', async () => {
  const model = provider().chatModel('tales');
  const whole = await generateText({ ...call, model, system: 'Be brief.' });
  const stream = streamText({ ...call, model, system: 'Be brief.' });
  let text = '';
  for await (const piece of stream.textStream) text += piece;
  expect(text).toBe(whole.text);
  expect(text).not.toBe('');
  expect([whole.finishReason, await stream.finishReason]).toEqual(['length', 'length']);
  expect(whole.usage).toMatchObject({ outputTokens: 8 });
  expect(await stream.usage).toMatchObject({ inputTokens: whole.usage.inputTokens, outputTokens: 8 });
});

test('completions, with stop strings', async () => {
  const model = provider().completionModel('tales');
  const { text } = await generateText({ ...call, model });
  const stopped = await generateText({ ...call, model, stopSequences: [text.slice(4, 7)] });
  expect([stopped.finishReason, text.startsWith(stopped.text)]).toEqual(['stop', true]);
});

test('an aborted stream ends its call', async () => {
  const abort = new AbortController();
  const model = provider().chatModel('tales');
  const stream = streamText({ ...call, maxOutputTokens: 200, model, abortSignal: abort.signal, onError: () => {} });
  for await (const _ of stream.textStream) abort.abort();
  await expect.poll(() => server.server.numChoices).toBe(0);
});

test('errors have the status and the message of the server', async () => {
  const asked = (model: string, apiKey?: string) => generateText({ ...call, model: provider(apiKey).chatModel(model) });
  await expect(asked('tales', 'wrong')).rejects.toMatchObject({ statusCode: 401 });
  await expect(asked('other')).rejects.toMatchObject({
    statusCode: 404,
    message: expect.stringContaining('model is "other"'),
  });
});
