// Forms of texts that requests ask of the bundled model: what ends fits, whatever else is in the batch.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UnsupportedSchemaError } from '../src/grammar/errors.ts';
import { GrammarCompiler } from '../src/grammar/grammar-compiler.ts';
import type { LLM } from '../src/llm.ts';
import { load } from '../src/load.ts';
import { judgeOf, randomSchema, withDefinitions } from './support/grammar/schemas.ts';
import { randomNumbers } from './support/grammar/walk.ts';

const PERSON = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 1, maximum: 99 } },
  required: ['name', 'age'],
};
const prompt = 'Once upon a time there was a king who';

let llm: LLM;
beforeAll(async () => {
  llm = await load('weights/tales', { maxBatchSize: 8, maxModelLen: 576, tune: 'off', warmUp: false });
});
afterAll(() => llm.close());

test('a response is what the schema asks for, by a request, a stream and beside free ones', async () => {
  const sampling = { maxTokens: 80, seed: 4 };
  const request = { prompt, structuredOutput: { json: PERSON } };
  const [held, free] = await llm.generate([request, prompt], sampling);
  expect(held?.finishReason).toBe('stop');
  expect(judgeOf(PERSON)(held?.text ?? '')).toBe(true);
  const alone = await llm.generate(prompt, { ...sampling, seed: free?.seed });
  expect(free?.ids).toEqual(alone.ids);
  let text = '';
  for await (const piece of llm.stream(request, { ...sampling, seed: held?.seed })) text += piece.text;
  expect(text).toBe(held?.text);
});

test('a form is read beside the event loop, which turns before a large one is refused', async () => {
  const properties = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, { type: 'null' }]));
  const request = { prompt, structuredOutput: { json: { properties } } };
  for (const start of [() => llm.generate(request), () => llm.stream(request).next()]) {
    const order: string[] = [];
    setImmediate(() => order.push('turn'));
    await start().catch(() => order.push('refused'));
    expect(order).toEqual(['turn', 'refused']);
  }
});

test('a grammar that is complete ends a request, whatever minTokens and ignoreEos say', async () => {
  const structuredOutput = { choice: ['a bear', 'a bee'] };
  const sampling = { maxTokens: 40, minTokens: 20, ignoreEos: true, seed: 1 };
  const { text, finishReason } = await llm.generate({ prompt, structuredOutput }, sampling);
  expect([finishReason, structuredOutput.choice.includes(text)]).toEqual(['stop', true]);
});

test('what cannot be held is refused before anything runs, or ends its stream, and one of two rules is', async () => {
  const request = { prompt, structuredOutput: { json: { not: {} } } };
  await expect(llm.generate(request)).rejects.toThrow(UnsupportedSchemaError);
  await expect(llm.generate([prompt, request])).rejects.toThrow(UnsupportedSchemaError);
  const refused = llm.stream(request);
  await expect(refused.next()).rejects.toThrow('schema at #: not is not supported');
  expect(await refused.finished).toMatchObject({ finishReason: 'error', ids: [] });
  // @ts-expect-error there is no such key
  expect(() => llm.stream({ prompt, structuredOutput: { schema: {} } })).toThrow('key of structuredOutput is "schema"');
  const constraint = { start: () => 0, allowed: () => new Uint32Array(), accept: () => 0 };
  const both = { prompt, constraint, structuredOutput: { choice: ['a'] } };
  await expect(llm.generate(both)).rejects.toThrow('expected none beside structuredOutput');
});

test('outputs of 60 schemas that end fit them, and most end', async () => {
  const random = randomNumbers(60);
  const schemas = Array.from({ length: 60 }, () => withDefinitions(randomSchema(random, 2)));
  // A busy machine may compile for longer than a second.
  const { tokenizer, model } = llm;
  const options = { tokenizer, vocabSize: model.config.vocabSize, maxCompileMs: 20_000 };
  await using compiler = new GrammarCompiler(options);
  const responses = await llm.generate(
    schemas.map((json) => ({ prompt, constraint: compiler.constraint({ json }) })),
    { maxTokens: 512, seed: 11 },
  );
  const ended = responses.filter(({ finishReason }) => finishReason === 'stop');
  const wrong = responses.filter(
    ({ finishReason, text }, index) => finishReason === 'stop' && !judgeOf(schemas[index])(text),
  );
  expect(wrong.map(({ text }) => text)).toEqual([]);
  expect(responses.map(({ finishReason }) => finishReason)).not.toContain('error');
  expect(ended.length).toBeGreaterThanOrEqual(0.9 * schemas.length);
});
