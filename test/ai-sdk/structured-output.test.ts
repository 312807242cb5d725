// Objects through the AI SDK: what it asks for is what comes, whole and streamed.
import { generateObject, generateText, jsonSchema, Output, streamObject } from 'ai';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openTestProvider } from '../support/ai-sdk-provider.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS } from '../support/server/test-server.ts';

const opened = openTestProvider({}, {}, new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 1024, numBlocks: 4096 }));
const { roseinfer } = opened;
afterAll(() => opened[Symbol.asyncDispose]());

const call = { model: roseinfer('tales'), prompt: 'Who came?', maxOutputTokens: 400, seed: 3, maxRetries: 0 };
const schema = z.object({ age: z.int().min(0).max(120), kind: z.enum(['king', 'frog']), wise: z.boolean() });

test('an object has the form of its schema, whole and streamed', async () => {
  const { object, finishReason, warnings } = await generateObject({ ...call, schema });
  expect(schema.parse(object)).toEqual(object);
  expect({ finishReason, warnings }).toEqual({ finishReason: 'stop', warnings: [] });
  const stream = streamObject({ ...call, schema });
  let last: unknown;
  for await (const partial of stream.partialObjectStream) last = partial;
  expect(last).toEqual(object);
  expect(await stream.object).toEqual(object);
});

test.each([
  ['an object', Output.object({ schema })],
  ['a list', Output.array({ element: z.boolean() })],
  ['a choice', Output.choice({ options: ['king', 'frog'] })],
])('%s of generateText comes', async (kind, output) => {
  const answers = [];
  // A list of any length may be cut.
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const answer = generateText({ ...call, seed, output }).then((each) => each.output);
    answers.push(await answer.catch((error: Error) => error.name));
  }
  const came = answers.filter((each) => each !== 'AI_NoObjectGeneratedError' && each !== 'AI_NoOutputGeneratedError');
  expect({ kind, count: came.length }).toEqual({ kind, count: kind === 'a list' ? expect.any(Number) : 6 });
  expect(came.length).toBeGreaterThan(0);
  if (kind === 'a choice') for (const each of came) expect(['king', 'frog']).toContain(each);
});

test('without a schema the text begins as an object', async () => {
  const { content, warnings } = await roseinfer('tales').doGenerate({
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'Who came?' }] }],
    maxOutputTokens: 30,
    seed: 1,
    responseFormat: { type: 'json' },
  });
  expect(warnings).toEqual([]);
  expect(content[0]).toMatchObject({ type: 'text', text: expect.stringMatching(/^\{\s*["}]/) });
});

test('a schema that cannot be kept is an argument that is not valid, with the place in it', async () => {
  const answer = generateObject({ ...call, schema: jsonSchema({ type: 'object', properties: { a: { not: {} } } }) });
  await expect(answer).rejects.toMatchObject({
    name: 'AI_InvalidArgumentError',
    message: expect.stringContaining("responseFormat can't be kept: schema at #/properties/a: not is not supported"),
  });
});

test('a call that is aborted while its schema is compiled ends with the reason', async () => {
  const abort = new AbortController();
  const own = jsonSchema({
    type: 'object',
    properties: { a: { enum: Array.from({ length: 900 }, (_, i) => `a${i}`) } },
  });
  const answer = generateObject({ ...call, schema: own, abortSignal: abort.signal });
  setTimeout(() => abort.abort(), 5);
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
});

test('closing the provider lets an object that is under way come to its end', async () => {
  await using other = openTestProvider(
    {},
    {},
    new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 1024, numBlocks: 4096 }),
  );
  const stream = streamObject({ ...call, model: other.roseinfer('tales'), schema });
  let closed: Promise<void> | undefined;
  for await (const _ of stream.textStream) closed ??= other.roseinfer.close();
  expect(schema.parse(await stream.object)).toEqual(await stream.object);
  await closed;
  await expect(generateObject({ ...call, model: other.roseinfer('tales'), schema })).rejects.toThrow(
    'provider is closed',
  );
});

test('closing the provider ends an object whose schema is being compiled, and says so', async () => {
  await using other = openTestProvider();
  const model = other.roseinfer('tales');
  const waiting = expect(generateObject({ ...call, model, schema })).rejects.toThrow('provider is closed');
  // The vocabulary is read in several turns, and the thread starts after that.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  await other.roseinfer.close();
  await waiting;
});
