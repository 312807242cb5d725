// Schemas as zod writes them, which reach servers and the AI SDK: outputs fit the schema by Ajv, and the type that it was written for.
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import { judgeOf } from '../support/grammar/schemas.ts';
import { tales, walk } from '../support/grammar/walk.ts';

const compiler = new GrammarCompiler({ tokenizer: tales, vocabSize: tales.vocabSize, maxCompileMs: 20_000 });
afterAll(() => compiler.close());

test.each<[string, z.ZodType, expected?: RegExp]>([
  ['a record', z.record(z.string(), z.int())],
  ['a record with a key for each name of an enum', z.record(z.enum(['a', 'b']), z.boolean()), /^\{"a":.+"b":/],
  ['a record with keys of an enum', z.partialRecord(z.enum(['a', 'b']), z.boolean())],
  ['a record whose only key is a literal', z.record(z.literal('one'), z.null()), /^\{"one": ?null\}$/],
  ['an object without properties', z.object({}), /^\{\}$/],
  ['an object with further keys', z.looseObject({ a: z.boolean() })],
  ['a number between two that are near', z.number().gt(0).lt(0.01), /^0\.00[1-9]$/],
  ['a number of a small range', z.number().gt(0.001).lt(0.0011), /^0\.0010[1-9]$/],
  [
    'a union by a key',
    z.discriminatedUnion('k', [z.object({ k: z.enum(['a', 'c']) }), z.object({ k: z.literal('b') })]),
  ],
  ['a url', z.url()],
])('%s', async (_, type, expected = /./s) => {
  const json = z.toJSONSchema(type);
  const constraint = await compiler.compile({ json });
  const judge = judgeOf(json);
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { text, hasEnded } = await walk(constraint, seed);
    if (!hasEnded) continue;
    expect([text, judge(text)]).toEqual([text, true]);
    expect(text).toMatch(expected);
    expect(type.safeParse(JSON.parse(text)).success).toBe(true);
  }
});
