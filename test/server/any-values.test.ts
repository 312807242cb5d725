// Calls of random values: whatever a parameter has, the answer is one, or a refusal that names a parameter of the call.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENDPOINT_TABLES, rowsOf } from '../../src/server/parameters/tables.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, startTestServer, type TestServer } from '../support/server/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ runner: new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 32 }) });
});
afterAll(() => server[Symbol.asyncDispose]());

const BASES: Readonly<Record<string, object>> = {
  '/v1/completions': { prompt: 'a', max_tokens: 2 },
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'a' }], max_tokens: 2 },
  '/v1/responses': { input: 'a', max_output_tokens: 2 },
  '/v1/embeddings': { input: 'a' },
  '/generate': { prompt: 'a', max_new_tokens: 2 },
  '/tokenize': { prompt: 'a' },
  '/detokenize': { tokens: [1] },
};
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    0,
    -0,
    1,
    -1,
    2,
    0.5,
    1e308,
    1e-320,
    2 ** 53,
    -(2 ** 63),
    8191,
    8192,
    100,
    101,
    null,
    true,
    false,
  ),
  fc.constantFrom<unknown>(
    '',
    'a',
    '\ud800',
    '\u0000',
    '\ufeff',
    '<|endoftext|>',
    '__proto__',
    '1',
    [],
    [[]],
    {},
    [null],
    [1],
    ['a'],
  ),
  fc.constantFrom<unknown>(
    [1, 2, 3],
    ['a', 'b'],
    [[1], [2]],
    { 5: 1 },
    { ids: [1] },
    { ids: [] },
    { include_usage: true },
    { type: 'text' },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

test.each(Object.entries(ENDPOINT_TABLES))('%s', async (path, table) => {
  const rows = new Map(rowsOf(table));
  const values = fc.constantFrom(...rows.keys()).chain((name) => {
    const examples = rows.get(name)?.examples ?? [];
    const value = examples.length === 0 ? odd : fc.oneof(fc.constantFrom(...examples), odd);
    return value.map((each): [string, unknown] => [name, each]);
  });
  const statuses = new Set<number>();
  const property = fc.asyncProperty(fc.array(values, { minLength: 1, maxLength: 4 }), async (fields) => {
    const body = { ...BASES[path], ...Object.fromEntries(fields) };
    const response = await server.post(path, body);
    const text = await response.text();
    statuses.add(response.status);
    if (response.status === 200) {
      // An error as the last event of a stream would be one that was not found before.
      expect(text).not.toContain('"error":{');
      return;
    }
    expect([400, 404, 409]).toContain(response.status);
    const { error } = JSON.parse(text);
    const [parameter = ''] = error.param.split(/[.[]/);
    expect([...rows.keys(), 'unknown']).toContain(parameter);
    expect(error.message).toMatch(/, expected |not found|no response that is stored|without/);
  });
  await fc.assert(property, { seed: 3, numRuns: 150 });
  expect(statuses).toContain(200);
  expect(statuses).toContain(400);
});
