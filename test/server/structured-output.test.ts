// Structured output over HTTP: forms that are kept, whole and streamed, refusals that name the place, and others that go on meanwhile.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Grammars } from '../../src/server/grammars.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { HeldRunner } from '../support/engine/test-runners.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';

const [C, H, R] = ['/v1/completions', '/v1/chat/completions', '/v1/responses'] as const;
const LIMITS = { ...SERVER_LIMITS, maxModelLen: 1024, numBlocks: 4096 };
const PERSON = {
  type: 'object',
  properties: {
    age: { type: 'integer', minimum: 0, maximum: 120 },
    kind: { enum: ['king', 'frog', null] },
    wise: { type: 'boolean' },
    marks: { type: 'array', items: { type: 'integer', minimum: -9, maximum: 9 }, maxItems: 3 },
    none: { const: null },
  },
  required: ['age', 'kind', 'wise', 'marks', 'none'],
  additionalProperties: false,
};
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const fits = (schema: object) => ajv.compile(schema);

const BASES: Readonly<Record<string, object>> = {
  [C]: { prompt: 'Once' },
  [H]: { messages: [{ role: 'user', content: 'Who came?' }] },
  [R]: { input: 'Who came?' },
};
const formatted = (schema: object) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
});
const ofResponse = (schema: object) => ({ text: { format: { type: 'json_schema', name: 'person', schema } } });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ runner: new FakeRunner(LIMITS) });
});
afterAll(() => server[Symbol.asyncDispose]());

/** An answer's text and why it ended. */
async function answerOf(path: string, fields: object, to = server) {
  const limit = path === R ? 'max_output_tokens' : 'max_tokens';
  const response = await to.post(path, { ...BASES[path], [limit]: 400, ...fields });
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${body}`);
  if (!('stream' in fields)) {
    const { choices = [], output_text: text, status } = JSON.parse(body);
    if (path === R) return { text, reason: status === 'completed' ? 'stop' : 'length' };
    const [{ text: own, message, finish_reason: reason }] = choices;
    return { text: own ?? message.content, reason };
  }
  const events = body.split('\n').filter((line) => line.startsWith('data: {'));
  const parsed = events.map((line) => JSON.parse(line.slice('data: '.length)));
  if (path === R) {
    const pieces = parsed.filter(({ type }) => type === 'response.output_text.delta').map(({ delta }) => delta);
    return { text: pieces.join(''), reason: parsed.at(-1).type === 'response.completed' ? 'stop' : 'length' };
  }
  const choices = parsed.flatMap((chunk) => chunk.choices);
  const text = choices.map(({ text: own, delta }) => own ?? delta.content ?? '').join('');
  return { text, reason: choices.at(-1).finish_reason };
}

async function errorOf(path: string, fields: object, to = server) {
  const response = await to.post(path, { ...BASES[path], ...fields });
  const { error = null } = JSON.parse(await response.text());
  return { status: response.status, ...error };
}

describe('a text that ends by itself fits', () => {
  test.each([
    [C, formatted(PERSON)],
    [H, formatted(PERSON)],
    [R, ofResponse(PERSON)],
    [C, { structured_outputs: { json: PERSON } }],
    [H, { structured_outputs: { json: JSON.stringify(PERSON) } }],
    [H, { guided_json: PERSON }],
  ])('%s, whole and streamed, by its schema: %#', async (path, form) => {
    for (const seed of [1, 2]) {
      const whole = await answerOf(path, { ...form, seed });
      expect(whole.reason).toBe('stop');
      const value: unknown = JSON.parse(whole.text);
      expect({ value, fits: fits(PERSON)(value) }).toEqual({ value, fits: true });
      expect(await answerOf(path, { ...form, seed, stream: true })).toEqual(whole);
    }
  });

  test.each([
    [{ structured_outputs: { regex: '[a-c]{3}-[0-9]+x' } }, /^[a-c]{3}-[0-9]+x$/],
    [{ guided_regex: 'a|b{2}' }, /^(a|bb)$/],
    [{ structured_outputs: { choice: ['a king', 'a frog'] } }, /^a (king|frog)$/],
    [{ guided_choice: ['ja', 'nein'] }, /^(ja|nein)$/],
    [{ structured_outputs: { grammar: 'root ::= "<" [0-9] ">" | "-"' } }, /^(<[0-9]>|-)$/],
    [{ guided_grammar: 'root ::= ("ab")+ "."' }, /^(ab)+\.$/],
  ])('%j', async (form, expected) => {
    for (const path of [C, H]) {
      for (const seed of [5, 6]) {
        const { text, reason } = await answerOf(path, { ...form, seed });
        expect({ text, reason }).toEqual({ text: expect.stringMatching(expected), reason: 'stop' });
      }
    }
  });

  test.each([
    [C, { response_format: { type: 'json_object' } }],
    [H, { response_format: { type: 'json_object' } }],
    [H, { structured_outputs: { json_object: true } }],
    [R, { text: { format: { type: 'json_object' } } }],
  ])('%s begins as an object: %j', async (path, form) => {
    const { text } = await answerOf(path, { ...form, seed: 4 });
    expect(text).toMatch(/^\{\s*["}]/);
  });

  test('each of several choices and prompts is held to it by itself', async () => {
    const form = { structured_outputs: { choice: ['king', 'kingdom', 'queen', 'frog'] } };
    const response = await server.post(C, { prompt: ['Once', 'A'], n: 6, max_tokens: 20, seed: 9, ...form });
    const { choices }: { choices: { text: string; finish_reason: string }[] } = JSON.parse(await response.text());
    const texts = choices.map(({ text }) => text);
    expect(texts).toHaveLength(12);
    for (const text of texts) expect(form.structured_outputs.choice).toContain(text);
    expect(new Set(texts).size).toBeGreaterThan(1);
    expect(new Set(choices.map(({ finish_reason: reason }) => reason))).toEqual(new Set(['stop']));
  });

  test('whatever min_tokens and ignore_eos say', async () => {
    const form = { guided_choice: ['ja'], min_tokens: 20, ignore_eos: true };
    expect(await answerOf(C, form)).toEqual({ text: 'ja', reason: 'stop' });
  });

  test('after it was cut, from the ids that have come', async () => {
    const call = { ...formatted(PERSON), prompt: 'Once', max_tokens: 400, seed: 12, return_token_ids: true };
    const whole = JSON.parse(await (await server.post(C, call)).text()).choices[0];
    for (const count of [1, 5, whole.token_ids.length - 2]) {
      const resume = { ids: whole.token_ids.slice(0, count) };
      const again = JSON.parse(await (await server.post(C, { ...call, resume })).text()).choices[0];
      expect(again.token_ids).toEqual(whole.token_ids);
    }
    const other = await errorOf(C, { ...call, resume: { ids: talesTokenizer.encode('{"kind') } });
    expect(other).toMatchObject({ status: 400, param: 'resume.ids' });
    expect(other.message).toContain('that the form of the text does not allow');
  });

  test('a response says which form it has', async () => {
    const { text } = ofResponse(PERSON);
    const response = await server.post(R, { ...BASES[R], max_output_tokens: 400, text });
    expect(JSON.parse(await response.text()).text).toEqual(text);
  });
});

const nested = (depth: number) => {
  let schema: object = { type: 'null' };
  for (let level = 0; level < depth; level++) schema = { items: schema };
  return schema;
};
const many = (count: number) => Array.from({ length: count }, (_, index) => `v${index}`);
/** Millions of pairs of ranges that have to be apart: read for tenths of a second at least. */
const SLOW = {
  oneOf: Array.from({ length: 4000 }, (_, index) => ({ type: 'integer', minimum: index, maximum: index })),
};

describe('refusals', () => {
  const schema = 'response_format.json_schema.schema';
  const unsupported = 'unsupported_schema';
  test.each<[path: string, fields: object, param: string, code: string, message: string]>([
    [
      H,
      formatted({ properties: { a: { not: {} } } }),
      schema,
      unsupported,
      'schema at #/properties/a: not is not supported',
    ],
    [C, formatted({ items: { minItem: 1 } }), schema, unsupported, 'schema at #/items: minItem is unknown'],
    [R, ofResponse({ contains: {} }), 'text.format.schema', unsupported, 'schema at #: contains is not supported'],
    [C, { guided_json: { $ref: 'http://a/b' } }, 'guided_json', unsupported, 'which is another document'],
    ...['{"type":', '3', 'null', '[]'].map(
      (text) =>
        [C, { guided_json: text }, 'guided_json', 'invalid_value', 'expected a JSON Schema, or its JSON text'] as [
          ...[string, object, string, string, string],
        ],
    ),
    [
      C,
      { guided_json: `${'{"properties":'.repeat(9000)}{}${'}'.repeat(9000)}` },
      'guided_json',
      'invalid_value',
      'guided_json is nested deeper than 256 levels',
    ],
    [
      C,
      { structured_outputs: { json: `{"enum":[${'{},'.repeat(25_000)}0]}` } },
      'structured_outputs.json',
      'invalid_value',
      'structured_outputs.json has more than 25000 texts, lists and objects',
    ],
    [C, { guided_json: false }, 'guided_json', unsupported, 'is one that no value fits'],
    [C, { structured_outputs: { json: false } }, 'structured_outputs.json', unsupported, 'is one that no value fits'],
    [C, { structured_outputs: { json: false, regex: 'a' } }, 'structured_outputs', 'invalid_value', 'exactly one of'],
    [
      C,
      { structured_outputs: { json: { enum: many(10_001) } } },
      'structured_outputs.json',
      unsupported,
      'more than 10000',
    ],
    [H, formatted(nested(65)), schema, unsupported, 'has more than 64 schemas within each other'],
    [
      C,
      { guided_json: { enum: new Array(140_000).fill(0) } },
      'guided_json',
      'invalid_value',
      'expected at most 262144',
    ],
    [H, formatted({ type: 'string', maxLength: 10_001 }), schema, unsupported, 'schema at #: maxLength'],
    [H, { guided_regex: '(?=a)b' }, 'guided_regex', 'invalid_grammar', 'regex at character 0: lookahead'],
    [H, { guided_regex: '(a)\\1' }, 'guided_regex', 'invalid_grammar', 'backreference'],
    [H, { guided_regex: '((a{1,1000}){1,1000}){1,1000}' }, 'guided_regex', 'invalid_grammar', 'expected at most'],
    [H, { guided_grammar: 'root ::= a' }, 'guided_grammar', 'invalid_grammar', 'there is no rule a'],
    [H, { guided_grammar: 'root ::= root "a" | "b"' }, 'guided_grammar', 'invalid_grammar', 'rule root'],
    [H, { ...formatted(PERSON), guided_regex: 'a' }, 'guided_regex', 'invalid_value', 'given beside response_format'],
    [
      H,
      { response_format: { type: 'xml' } },
      'response_format.type',
      'invalid_value',
      'expected an object whose type is',
    ],
    [H, { response_format: {} }, 'response_format.type', 'missing_parameter', 'expected an object whose type is'],
    [
      H,
      { response_format: { type: 'json_schema' } },
      'response_format.json_schema',
      'missing_parameter',
      'name and schema',
    ],
    [
      H,
      { response_format: { type: 'json_schema', json_schema: { name: 'a' } } },
      'response_format.json_schema.schema',
      'missing_parameter',
      'expected a JSON Schema, an object',
    ],
    [R, { text: { format: { type: 'json_schema', schema: {} } } }, 'text.format.name', 'missing_parameter', 'a text'],
    [C, { structured_outputs: {} }, 'structured_outputs', 'invalid_value', 'exactly one of json, json_object'],
    [C, { structured_outputs: { json_object: false } }, 'structured_outputs', 'invalid_value', 'exactly one of'],
    [C, { structured_outputs: { regex: 'a', choice: ['a'] } }, 'structured_outputs', 'invalid_value', 'exactly one of'],
    [C, { structured_outputs: { choice: [] } }, 'structured_outputs.choice', 'invalid_value', 'none empty'],
    [
      C,
      { structured_outputs: { structural_tag: '{}' } },
      'structured_outputs.structural_tag',
      'invalid_value',
      'not supported',
    ],
  ])('%s: %#', async (path, fields, param, code, message) => {
    const error = await errorOf(path, fields);
    expect({ status: error.status, param: error.param, code: error.code }).toEqual({ status: 400, param, code });
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(1500);
  });

  test('a schema that is nested very deeply, in a body that is long enough for it', async () => {
    const fields = `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":${'{"items":'.repeat(10_000)}1${'}'.repeat(10_000)}}}`;
    const response = await server.post(C, `{"prompt":"a",${fields}}`);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_json', message: 'body is nested deeper than 256 levels' } },
    });
  });
});

test('while hostile forms are refused, a stream goes on with its ids, and a good form is served after each', async () => {
  await using own = await startTestServer({ runner: new FakeRunner(LIMITS) });
  const free = { prompt: 'Once', max_tokens: 900, seed: 3, return_token_ids: true, logit_bias: { 0: -100 } };
  const idsOf = async (response: Response) => JSON.parse(await response.text()).choices[0].token_ids;
  const alone = await idsOf(await own.post(C, free));
  const beside = own.post(C, free).then(idsOf);
  const kept = answerOf(C, { ...formatted(PERSON), seed: 2 }, own);
  const hostile: readonly [form: object, code: string][] = [
    [{ guided_json: { enum: many(10_001) } }, 'unsupported_schema'],
    [{ guided_json: nested(100) }, 'unsupported_schema'],
    [{ guided_regex: '((a{1,1000}){1,1000}){1,1000}' }, 'invalid_grammar'],
  ];
  for (const [form, code] of hostile) {
    expect(await errorOf(C, form, own)).toMatchObject({ status: 400, code });
    expect((await answerOf(C, { guided_choice: ['ja', 'nein'] }, own)).reason).toBe('stop');
  }
  expect(await beside).toEqual(alone);
  expect(await kept).toEqual(await answerOf(C, { ...formatted(PERSON), seed: 2 }));
});

test('a form that takes longer than a compilation may is refused, and a stream beside it goes on', async () => {
  const options = { compileTimeout: 0.05 };
  await using own = await startTestServer({ runner: new FakeRunner(LIMITS), options });
  const beside = answerOf(C, { prompt: 'Once', max_tokens: 900, seed: 3 }, own);
  expect(await errorOf(C, { guided_json: SLOW }, own)).toMatchObject({ status: 400, code: 'grammar_failed' });
  expect(await beside).toEqual(await answerOf(C, { prompt: 'Once', max_tokens: 900, seed: 3 }, own));
});

test('a caller who leaves while the form is compiled leaves nothing behind', async () => {
  const left = new AbortController();
  const body = JSON.stringify({ prompt: 'a', guided_json: SLOW });
  const headers = { 'content-type': 'application/json' };
  const call = fetch(`${server.url}${C}`, { method: 'POST', headers, body, signal: left.signal });
  setTimeout(() => left.abort(), 20);
  await expect(call).rejects.toThrow('abort');
  expect((await answerOf(C, { guided_choice: ['ja'] })).text).toBe('ja');
  expect(server.server.numChoices).toBe(0);
});

test('a server that is closed while a form is compiled, or kept, answers and ends', async () => {
  const runner = new HeldRunner(LIMITS);
  const own = await startTestServer({ runner, options: { drainTimeout: 0 } });
  const kept = errorOf(C, { guided_choice: ['ja'] }, own);
  await expect.poll(() => own.server.numChoices, { timeout: 20_000 }).toBe(1);
  const compiled = errorOf(C, { guided_json: SLOW }, own);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const release = setInterval(() => runner.settle(), 1);
  await own.server.close(AbortSignal.abort());
  clearInterval(release);
  for (const { status, code } of await Promise.all([kept, compiled]))
    expect({ status, code }).toEqual({ status: 503, code: 'shutting_down' });
});

test('beyond a number of forms that are compiled at a time, callers are asked to come again', async () => {
  await using own = await startTestServer({ runner: new FakeRunner(LIMITS) });
  const calls = Array.from({ length: 40 }, (_, index) =>
    errorOf(C, { max_tokens: 8, guided_regex: `a{${index + 1}}` }, own),
  );
  const same = Array.from({ length: 40 }, () => errorOf(C, { max_tokens: 8, guided_regex: 'a{1}' }, own));
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect((await Promise.all(same)).filter(({ status }) => status !== 200)).toEqual([]);
});

test('a batch of lines has any number of them compiled, one after the other', async () => {
  const model = { runner: new FakeRunner(LIMITS), tokenizer: talesTokenizer };
  const grammars = new Grammars(model, { compileTimeout: 20, maxPending: Number.POSITIVE_INFINITY });
  const wanted = (index: number) => ({ param: 'guided_regex', output: { regex: `a{${index + 1}}` } });
  const compiled = await Promise.all(Array.from({ length: 40 }, (_, index) => grammars.compile(wanted(index))));
  expect(compiled.filter((each) => each === undefined)).toEqual([]);
  await grammars.close();
  await expect(grammars.compile(wanted(1))).rejects.toMatchObject({ status: 503, code: 'shutting_down' });
});
