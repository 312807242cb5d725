// Forms that no output could be held to, or that would cost too much: each is refused with its place, and changes nothing for others.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, startTestServer, type TestServer } from '../support/server/test-server.ts';

const PATH = '/v1/completions';
const FREE = { prompt: 'Once', max_tokens: 60, seed: 3, return_token_ids: true, logit_bias: { 0: -100 } };
const HELD = { prompt: 'Once', max_tokens: 60, seed: 5, return_token_ids: true, guided_regex: '[a-z]{3}(?: [a-z]+)*' };
const GOOD = { prompt: 'Once', max_tokens: 20, seed: 1, guided_choice: ['ja', 'nein'] };

let server: TestServer;
let alone: readonly (readonly number[])[];
beforeAll(async () => {
  server = await startTestServer({ runner: new FakeRunner({ ...SERVER_LIMITS, numBlocks: 2048 }) });
  alone = [await idsOf(FREE), await idsOf(HELD)];
});
afterAll(() => server[Symbol.asyncDispose]());

async function idsOf(call: object): Promise<number[]> {
  const response = await server.post(PATH, call);
  return JSON.parse(await response.text()).choices[0].token_ids;
}

const text = { type: 'string' };
/** A schema of a property, at `#/properties/a`. */
const ofProperty = (schema: unknown) => ({ guided_json: { type: 'object', properties: { a: schema } } });
const nested = (depth: number, around: (inner: unknown) => unknown) => {
  let schema: unknown = { type: 'null' };
  for (let level = 0; level < depth; level++) schema = around(schema);
  return schema;
};
const items = (inner: unknown) => ({ type: 'array', items: inner });
const chain = (length: number) =>
  Object.fromEntries(Array.from({ length }, (_, index) => [`d${index}`, { $ref: `#/$defs/d${index + 1}` }]));

const REFUSED: readonly (readonly [name: string, form: object, message: string])[] = [
  ['schemas 65 deep', ofProperty(nested(65, items)), 'schemas within each other'],
  ['a list 1,000 deep', ofProperty(nested(1000, items)), 'body is nested deeper than 256 levels'],
  ['an enum of 10,001', ofProperty({ enum: Array.from({ length: 10_001 }, (_, i) => i) }), 'at #/properties/a: enum'],
  ['an enum of 10⁵', ofProperty({ enum: new Array(200_000).fill(0) }), 'guided_json has 400'],
  ['many texts', ofProperty({ enum: new Array(30_000).fill('a') }), 'more than 25000 texts, lists and objects'],
  ['multipleOf', ofProperty({ type: 'integer', multipleOf: 7 }), 'at #/properties/a: multipleOf'],
  ['uniqueItems', ofProperty({ type: 'array', uniqueItems: true }), 'at #/properties/a: uniqueItems'],
  ['not', ofProperty({ not: text }), 'at #/properties/a: not'],
  ['overlapping oneOf', ofProperty({ oneOf: [text, { minLength: 2 }] }), 'at #/properties/a/oneOf/1: oneOf'],
  [
    'allOf of two patterns',
    ofProperty({ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }),
    'at #/properties/a/allOf/1: pattern',
  ],
  ['dependentRequired', ofProperty({ dependentRequired: { b: ['c'] } }), 'at #/properties/a: dependentRequired'],
  ['if', ofProperty({ if: text, else: { minLength: 2 } }), 'at #/properties/a: if'],
  ['pattern with maxLength', ofProperty({ ...text, pattern: 'a', maxLength: 3 }), 'at #/properties/a: pattern'],
  ['an unknown format', ofProperty({ ...text, format: 'color' }), 'at #/properties/a: format'],
  ['contains', ofProperty({ type: 'array', contains: text }), 'at #/properties/a: contains'],
  ['patternProperties', ofProperty({ patternProperties: { b: text } }), 'at #/properties/a: patternProperties'],
  ['lookahead', ofProperty({ ...text, pattern: '(?=a)' }), 'at #/properties/a: pattern'],
  ['a backreference', ofProperty({ ...text, pattern: '(a)\\1' }), 'at #/properties/a: pattern'],
  ['\\p{}', ofProperty({ ...text, pattern: '\\p{L}' }), 'at #/properties/a: pattern'],
  ['maxLength of 100,000', ofProperty({ ...text, maxLength: 100_000 }), 'at #/properties/a: maxLength'],
  ['{1,100000}', { guided_regex: 'a{1,100000}' }, 'regex at character 1: repetition of 100000'],
  ['a nest of {1,10000}', { guided_regex: '((a{1,10000}){1,10000}){1,10000}' }, 'expected at most 1000000'],
  ['groups 65 deep', { guided_regex: `${'(?:'.repeat(65)}a${')'.repeat(65)}` }, 'groups nested deeper than 64'],
  ['$ref to itself', ofProperty({ $ref: '#/properties/a' }), 'at #/properties/a: $ref'],
  [
    '$ref without an end',
    { guided_json: { properties: { a: { $ref: '#' } }, required: ['a'] } },
    'at #: is one that no value fits',
  ],
  ['a chain of $ref', { guided_json: { $ref: '#/$defs/d0', $defs: chain(4000) } }, '$ref has more than 64 references'],
  [
    'joined schemas',
    ofProperty({ allOf: new Array(20).fill({ anyOf: [{ type: 'object' }, { type: 'array' }] }) }),
    'schemas joined with others',
  ],
  [
    'rules without an end',
    { guided_grammar: Array.from({ length: 5000 }, (_, i) => `r${i} ::= r${i + 1}`).join('\n') },
    'there is no rule',
  ],
];

test.each(REFUSED)(
  '%s: refused with its place, a good one is served, and others keep their ids',
  async (_, form, message) => {
    const beside = Promise.all([idsOf(FREE), idsOf(HELD)]);
    const refused = await server.post(PATH, { prompt: 'Once', max_tokens: 5, ...form });
    const { error } = JSON.parse(await refused.text());
    expect({ status: refused.status, message: error?.message }).toEqual({
      status: 400,
      message: expect.stringContaining(message),
    });
    const good = JSON.parse(await (await server.post(PATH, GOOD)).text());
    expect(GOOD.guided_choice).toContain(good.choices[0].text);
    expect(await beside).toEqual(alone);
  },
);
