// Forms of texts that requests ask of the bundled model: what ends fits, whatever else is in the batch.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UnsupportedSchemaError } from '../src/grammar/errors.ts';
import { GrammarCompiler } from '../src/grammar/grammar-compiler.ts';
import type { LLM } from '../src/llm.ts';
import { load } from '../src/load.ts';
import { partOfCorpus } from './support/grammar/corpus.ts';
import { judgeOutputs } from './support/grammar/judge-outputs.ts';
import { judgeOf } from './support/grammar/schemas.ts';
import type { OutputCase } from './support/grammar/texts.ts';

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

test('outputs of 60 schemas, grammars, regular expressions and choices that end fit them, most end, and the others can go on', async () => {
  // A busy machine may compile for longer than a second.
  const { tokenizer, model, engine } = llm;
  const options = { tokenizer, vocabSize: model.config.vocabSize, maxCompileMs: 20_000 };
  await using compiler = new GrammarCompiler(options);
  const promptIds = tokenizer.encode(prompt);
  const cases = partOfCorpus(60);
  const { numEnded, cut, wrong } = await judgeOutputs(cases, { engine, compiler, promptIds, width: 8 }, 11);
  expect(wrong).toEqual([]);
  expect(numEnded).toBeGreaterThanOrEqual(0.9 * cases.length);
  expect(numEnded + cut.length).toBe(60);
});

test('an output that does not fit is found, and a cut one that its grammar does not go on with', async () => {
  const { tokenizer, model, engine } = llm;
  const options = { tokenizer, vocabSize: model.config.vocabSize, maxCompileMs: 20_000 };
  await using compiler = new GrammarCompiler(options);
  const ask = (asked: GrammarCompiler, each: OutputCase) =>
    judgeOutputs([each], { engine, compiler: asked, promptIds: tokenizer.encode(prompt), width: 1 }, 1);
  const wrong = { name: 'no', output: { choice: ['yes'] }, fits: (text: string) => text === 'no' };
  expect((await ask(compiler, wrong)).wrong).toEqual(['no: does not fit: yes']);
  const endless = { name: 'endless', output: { regex: 'a{600,}' }, fits: () => true };
  expect((await ask(compiler, endless)).cut).toEqual(['endless']);
});
