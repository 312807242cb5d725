// Calls that are wrong: each is answered with a 4xx in OpenAI's shape that names what is wrong, and others are served throughout. The
// cases of parameters are made from the endpoints' tables.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseParameters } from '../../src/server/parameters/parse.ts';
import { ENDPOINT_TABLES, rowsOf } from '../../src/server/parameters/tables.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { rawCall } from '../support/server/raw-call.ts';
import { startTestServer, type TestServer } from '../support/server/test-server.ts';

const MESSAGE = { role: 'user', content: 'a' };
/** A call of each endpoint that is right. */
const RIGHT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/v1/completions': { prompt: 'a', max_tokens: 1 },
  '/v1/chat/completions': { messages: [MESSAGE], max_tokens: 1 },
  '/v1/responses': { input: 'a', max_output_tokens: 1 },
  '/v1/embeddings': { input: 'a' },
  '/generate': { prompt: 'a', max_new_tokens: 1 },
  '/tokenize': { prompt: 'a' },
  '/detokenize': { tokens: [1] },
};
/** A value that no parameter takes. */
const NONSENSE = { nonsense: true };
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ options: { maxBody: 200_000, headersTimeout: 1, bodyTimeout: 1 } });
});

afterAll(() => server[Symbol.asyncDispose]());

async function call(path: string, body: unknown, headers?: Readonly<Record<string, string>>) {
  const response = await server.post(path, body, headers);
  const text = await response.text();
  const { error = null } = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : {};
  return { status: response.status, error, headers: response.headers };
}

const rows = Object.entries(ENDPOINT_TABLES).flatMap(([path, table]) =>
  rowsOf(table).map(([name, row]) => ({ path, name, row })),
);
const right = (path: string, fields: Readonly<Record<string, unknown>>) => {
  const body = { ...RIGHT[path], ...fields };
  // The older name would be another limit.
  return 'max_completion_tokens' in fields ? { ...body, max_tokens: undefined } : body;
};

describe.each(Object.keys(ENDPOINT_TABLES))('%s', (path) => {
  const own = rows.filter((each) => each.path === path);

  test('takes the examples of each parameter, and null for absent', async () => {
    const optional = own.filter(({ name }) => !(name in (RIGHT[path] ?? {})) || name.startsWith('max_'));
    const cases = [
      ...own.flatMap(({ name, row }) => row.examples.map((value) => ({ [name]: value }))),
      ...optional.map(({ name }) => ({ [name]: null })),
    ];
    for (const fields of cases) {
      const { status, error } = await call(path, right(path, fields));
      expect({ fields, status, error }).toEqual({ fields, status: 200, error: null });
    }
  });

  test.each(own)('refuses nonsense for $name, by name', async ({ name, row }) => {
    const { status, error } = await call(path, right(path, { [name]: NONSENSE }));
    expect(status).toBe(400);
    expect(error).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringMatching(`^${name}\\b.*, expected `),
    });
    expect(error.param).toMatch(new RegExp(`^${name}\\b`));
    if (row.treatment === 'refused') expect(error.message).toContain('not supported');
  });

  test('refuses a parameter that it does not know, and names the nearest', async () => {
    const { name } = own[0]!;
    const { status, error } = await call(path, right(path, { [`${name}x`]: 1 }));
    expect({ status, param: error.param, code: error.code }).toEqual({
      status: 400,
      param: `${name}x`,
      code: 'unknown_parameter',
    });
    expect(error.message).toContain(`did you mean "${name}"?`);
  });
});

describe('values', () => {
  const C = '/v1/completions';
  const H = '/v1/chat/completions';
  const E = '/v1/embeddings';
  test.each([
    [C, { prompt: [] }, 'prompt', 'empty'],
    [C, { prompt: [[]] }, 'prompt[0]', 'expected a text, a list of ids, or'],
    [C, { prompt: [1, 'a'] }, 'prompt[1]', 'prompt[1] is a text of 1 character, expected a text, a list of ids, or'],
    [C, { prompt: ['a', [1]] }, 'prompt[1]', 'prompt[1] is a list of 1'],
    [C, { prompt: [[1], [1.5]] }, 'prompt[1]', 'prompt[1] is a list of 1'],
    [C, { prompt: [[[1]]] }, 'prompt[0]', 'prompt[0] is a list of 1'],
    [C, { prompt: [{}] }, 'prompt[0]', 'prompt[0] is an object'],
    [C, { prompt: [[1], Array(257).fill(1)] }, 'prompt', 'prompt length is 257, expected at most 256, the context'],
    [C, { prompt: [1, 9000] }, 'prompt', 'prompt id 1 is 9000, expected an integer in [0, 8192)'],
    [C, { prompt: [-1] }, 'prompt[0]', 'prompt[0] is -1, expected a text, a list of ids, or'],
    [C, { prompt: undefined }, 'prompt', 'prompt is missing'],
    [C, { prompt: Array(256).fill(1) }, 'prompt', 'prompt length is 256, expected at most 255'],
    [C, { prompt: 'a '.repeat(4000) }, 'prompt', 'characters long'],
    [C, { prompt: Array(129).fill('a') }, 'prompt', 'a list of 129'],
    [C, { prompt: Array(2).fill('a'), n: 65 }, 'n', 'prompts × n is 130, expected at most 128'],
    [C, { max_tokens: 0 }, 'max_tokens', 'max_tokens is 0, expected an integer ≥ 1'],
    [C, { max_tokens: -1 }, 'max_tokens', 'max_tokens is -1'],
    [C, { max_tokens: 256 }, 'max_tokens', 'max_tokens is 256, expected at most 255'],
    [C, { max_tokens: 1.5 }, 'max_tokens', 'max_tokens is 1.5'],
    [C, { n: 0 }, 'n', 'n is 0, expected an integer in [1, 128]'],
    [C, { stop: '' }, 'stop', 'stop is empty'],
    [C, { stop: ['a', ''] }, 'stop[1]', 'none empty'],
    [C, { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', 'up to 4 texts'],
    [C, { logit_bias: { 5: 101 } }, 'logit_bias', 'numbers in [-100, 100]'],
    [C, { logit_bias: { 9000: 1 } }, 'logit_bias', 'token id of logit_bias is "9000"'],
    [C, { seed: 2 ** 64 }, 'seed', 'expected an integer in [0, 2^53)'],
    [C, { seed: -1 }, 'seed', 'seed is -1'],
    [C, { temperature: -0.1 }, 'temperature', 'temperature is -0.1'],
    [C, { top_p: 0 }, 'top_p', 'top_p is 0, expected a number in (0, 1]'],
    [C, { top_k: -2 }, 'top_k', 'top_k is -2, expected an integer ≥ 0, or -1'],
    [C, { min_tokens: 5, max_tokens: 2 }, 'min_tokens', 'min_tokens is 5'],
    [C, { logprobs: 21 }, 'logprobs', 'logprobs is 21, expected an integer in [0, 20]'],
    [C, { best_of: 2 }, 'best_of', 'best_of is 2, expected 1 or null'],
    [C, { stream_options: { usage: true } }, 'stream_options.usage', 'is unknown'],
    [E, { input: '' }, 'input', 'input is empty, expected a text, a list of ids, or'],
    [E, { input: ['a', ''] }, 'input[1]', 'input[1] is empty'],
    [E, { input: [] }, 'input', 'input is empty'],
    [E, { input: [[1], []] }, 'input[1]', 'input[1] is empty'],
    [E, { input: [1, 'a'] }, 'input[1]', 'input[1] is a text of 1 character'],
    [E, { input: Array(2049).fill('a') }, 'input', 'a list of 2049'],
    [E, { input: [1, 9000] }, 'input', 'prompt id 1 is 9000, expected an integer in [0, 8192)'],
    [E, { input: Array(257).fill(1) }, 'input', 'prompt length is 257, expected at most max_model_len, 256'],
    [E, { input: 'a '.repeat(4000) }, 'input', 'characters long'],
    [E, { dimensions: 3 }, 'dimensions', 'dimensions is 3, expected 2, the width of the model'],
    [E, { encoding_format: 'int8' }, 'encoding_format', 'encoding_format is "int8", expected "float" or "base64"'],
    [H, { messages: [] }, 'messages', 'messages is empty'],
    [
      H,
      { messages: [{ role: 'robot', content: 'a' }] },
      'messages[0].role',
      'messages[0].role is "robot", expected one of',
    ],
    [H, { messages: [MESSAGE, { role: 'user' }] }, 'messages[1].content', 'messages[1].content is missing'],
    [H, { messages: [{ ...MESSAGE, name: 'x' }] }, 'messages[0].name', 'is unknown'],
    [H, { messages: [{ role: 'tool', content: 'a' }] }, 'messages[0].tool_call_id', 'is missing'],
    [
      H,
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://a/b.png' } }] }] },
      'messages[0].content[0].type',
      'messages[0].content[0].type is "image_url", expected "text"',
    ],
    [
      H,
      { messages: [{ role: 'user', content: [] }] },
      'messages[0].content',
      'is empty, expected a text or a list of parts',
    ],
    [
      H,
      { stream_options: { include_obfuscation: true } },
      'stream_options.include_obfuscation',
      'expected false or null',
    ],
    [H, { metadata: { a: 1 } }, 'metadata', 'expected an object of up to 16 texts of up to 512 characters'],
    [H, { metadata: { a: 'b'.repeat(513) } }, 'metadata', 'expected an object of up to 16 texts'],
    [H, { metadata: { ['a'.repeat(65)]: 'b' } }, 'metadata', 'expected an object of up to 16 texts'],
    [H, { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, 'a'])) }, 'metadata', 'up to 16 texts'],
    [C, { seed: 1, resume: { ids: [1, 'a'] } }, 'resume.ids[1]', 'expected an object with the ids so far'],
    [C, { seed: 1, resume: { ids: 5 } }, 'resume.ids', 'resume.ids is 5'],
    [H, { top_logprobs: 2 }, 'top_logprobs', 'top_logprobs is 2 without logprobs'],
    [H, { max_tokens: undefined, max_completion_tokens: 300 }, 'max_completion_tokens', 'max_completion_tokens is 300'],
    ['/v1/responses', { max_output_tokens: 300 }, 'max_output_tokens', 'max_output_tokens is 300'],
    ['/v1/responses', { previous_response_id: 'resp-0' }, 'previous_response_id', 'no response that is stored'],
    ['/generate', { max_new_tokens: 300 }, 'max_new_tokens', 'max_new_tokens is 300'],
    ['/tokenize', { messages: [MESSAGE] }, 'prompt', 'expected prompt or messages'],
    ['/v1/responses', { input: 5 }, 'input', 'input is 5, expected a text, or 1 to 2048 messages of texts'],
    [
      '/v1/responses',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'http://a/b.png' }] }] },
      'input[0].content[0].type',
      'expected one of input_text, output_text',
    ],
    ['/v1/responses', { input: [{ type: 'reasoning', summary: [] }] }, 'input[0].type', 'expected "message"'],
    ['/v1/responses', { input: [5] }, 'input[0]', 'input[0] is 5, expected a message with role and content'],
    [H, { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', 'content is 5, expected a text or a list'],
    [H, { messages: [{ role: 'user', content: [5] }] }, 'messages[0].content[0]', 'is 5, expected a text or a list'],
    ['/v1/responses', { resume: { ids: [1] }, seed: 1 }, 'resume', 'not supported'],
    [
      '/detokenize',
      { tokens: Array(32_769).fill(1) },
      'tokens',
      'tokens is a list of 32769, expected a list of up to 32768 ids',
    ],
    ['/detokenize', { tokens: [1, -1] }, 'tokens[1]', 'tokens[1] is -1'],
    ['/detokenize', { tokens: [8192] }, 'tokens[0]', 'tokens[0] is 8192, expected an integer in [0, 8192)'],
  ])('%s refuses %j', async (path, fields, param, message) => {
    const { status, error } = await call(path, { ...RIGHT[path], ...fields });
    expect({ status, param: error.param }).toEqual({ status: 400, param });
    expect(error.message).toContain(message);
    // No text of a library.
    expect(error.message).not.toMatch(/Invalid|Too /);
  });

  test.each([
    ['/v1/completions', { prompt: 'a' }, 'prompt'],
    ['/v1/completions', { prompt: [1], stop: 'a secret' }, 'stop'],
    ['/v1/chat/completions', { messages: [MESSAGE] }, 'messages'],
    ['/v1/responses', { input: 'a' }, 'input'],
    ['/generate', { prompt: 'a' }, 'prompt'],
    ['/tokenize', { prompt: 'a' }, 'prompt'],
    ['/detokenize', { tokens: [1] }, null],
  ])('a model without a tokenizer takes no text: %s %j', async (path, body, param) => {
    await using own = await startTestServer({ tokenizer: Tokenizer.idsOnly(8192) });
    const response = await own.post(path, body);
    const text = await response.text();
    expect({ status: response.status, param: JSON.parse(text).error.param }).toEqual({ status: 400, param });
    expect(text).not.toContain('secret');
  });

  test('no error repeats a prompt', async () => {
    const secret = 'a secret of the caller';
    const bodies = [
      { prompt: 'a', stop: Array(5).fill(secret) },
      { prompt: [secret, 1] },
      { prompt: 'a', user: [secret] },
      { prompt: { [secret]: 1 } },
      `{"prompt": "${secret}`,
    ];
    for (const body of bodies) {
      const { error } = await call('/v1/completions', body);
      expect(JSON.stringify(error)).not.toContain(secret);
    }
    expect(server.lines.join('')).not.toContain(secret);
  });
});

test.each(['', '\u0000', 'a b', 'a.b', '\n', 'ключ', '__proto__'])(
  'names an unknown parameter %j whole',
  async (name) => {
    const { status, error } = await call('/v1/completions', `{"prompt":"a",${JSON.stringify(name)}:1}`);
    const shown = /^\w+$/.test(name) ? name : JSON.stringify(name);
    expect({ status, param: error.param }).toEqual({ status: 400, param: shown });
    expect(error.message).toMatch(new RegExp(`^${RegExp.escape(shown)} is unknown`));
  },
);

describe('a list of a hundred thousand values', () => {
  test.each([
    ['/v1/completions', 'prompt', 1.5],
    ['/v1/completions', 'prompt', []],
    ['/v1/completions', 'prompt', true],
    ['/v1/completions', 'prompt', 'a'],
    ['/v1/completions', 'stop', 'a'],
    ['/v1/completions', 'stop_token_ids', -1],
    ['/v1/chat/completions', 'messages', 1],
    ['/v1/chat/completions', 'messages[0].content', 1],
    ['/v1/responses', 'input', 1],
    ['/v1/responses', 'input[0].content', 1],
    ['/detokenize', 'tokens', 'a'],
  ])('of %s, %s, all wrong, is refused with one note, not with one of each', async (path, name, value) => {
    const list = Array(100_000).fill(value);
    const [field = ''] = name.split('[');
    const body = { [field]: name.endsWith('content') ? [{ role: 'user', content: list }] : list };
    const table = Object.entries(ENDPOINT_TABLES).find(([each]) => each === path)?.[1];
    const numIssues = table?.safeParse({ ...RIGHT[path], ...body }).error?.issues.length;
    expect(numIssues).toBe(1);
    expect(() => parseParameters(table!, { ...RIGHT[path], ...body })).toThrow(`${name}`);
  });
});

describe('bodies, paths and methods', () => {
  test.each([
    ['malformed JSON', '{"prompt": ', 400, 'invalid_json'],
    ['no object', '[1]', 400, 'invalid_json'],
    ['a number', '1', 400, 'invalid_json'],
    ['nothing', '', 400, 'invalid_json'],
    ['deep nesting', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400, 'invalid_json'],
    ['many lists', `{"prompt":[${'[],'.repeat(25_000)}[]]}`, 400, 'invalid_json'],
    ['many texts', `{"prompt":[${'"",'.repeat(25_000)}""]}`, 400, 'invalid_json'],
    ['a text of brackets', JSON.stringify({ prompt: '[{"\\"'.repeat(12_600) }), 400, 'context_length_exceeded'],
    ['too many bytes', JSON.stringify({ prompt: 'a'.repeat(200_000) }), 413, 'body_too_large'],
  ])('refuses a body of %s', async (_, body, status, code) => {
    const answer = await call('/v1/completions', body);
    expect({ status: answer.status, code: answer.error.code }).toEqual({ status, code });
  });

  test('refuses bytes that are no UTF-8', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = Buffer.concat([Buffer.from('{"prompt":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    const response = await fetch(`${server.url}/v1/completions`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json; charset=latin1',
    '',
  ])('refuses the content type %j', async (type) => {
    const { status, error } = await call('/v1/completions', RIGHT['/v1/completions'], { 'content-type': type });
    expect({ status, code: error.code }).toEqual({ status: 415, code: 'unsupported_media_type' });
  });

  test('refuses a compressed body, which could be of any size', async () => {
    const { status } = await call('/v1/completions', '{}', { 'content-encoding': 'gzip' });
    expect(status).toBe(415);
  });

  test.each([
    ['GET', '/v1/completions', 405, 'method_not_allowed'],
    ['PUT', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['POST', '/health', 405, 'method_not_allowed'],
    ['GET', '/v1/unknown', 404, 'not_found'],
    ['GET', '/page', 404, 'not_found'],
    ['POST', '/', 405, 'method_not_allowed'],
    ['GET', '/v1/models/other', 404, 'model_not_found'],
    ['GET', '/v1/responses/resp-0', 404, 'response_not_found'],
    ['DELETE', '/v1/responses/resp-0', 404, 'response_not_found'],
    ['POST', '/abort/cmpl-0', 404, 'request_not_found'],
  ])('refuses %s %s with %d', async (method, path, status, code) => {
    const response = await fetch(`${server.url}${path}`, { method });
    expect(response.status).toBe(status);
    expect(JSON.parse(await response.text()).error).toMatchObject({ code, message: expect.any(String) });
    if (status === 405) expect(response.headers.get('allow')).toMatch(/GET|POST/);
  });

  test('names an unknown model', async () => {
    const { status, error } = await call('/v1/completions', { ...RIGHT['/v1/completions'], model: 'gpt-4' });
    expect({ status, param: error.param }).toEqual({ status: 404, param: 'model' });
  });
});

describe('bytes that are no call', () => {
  const host = 'host: localhost\r\n';
  const post = `POST /v1/completions HTTP/1.1\r\n${host}content-type: application/json\r\n`;
  test.each([
    ['headers of more than 8 KiB', `GET /health HTTP/1.1\r\n${host}x: ${'a'.repeat(9000)}\r\n\r\n`, 431],
    ['no HTTP', 'HELLO\r\n\r\n', 400],
    ['a broken chunk', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`, 400],
    ['a space before the colon', `GET /health HTTP/1.1\r\n${host}x : a\r\n\r\n`, 400],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['a host that is none', 'GET /health HTTP/1.1\r\nhost: a b\r\n\r\n', 400],
    ['another expectation', `${post}expect: gold\r\ncontent-length: 2\r\n\r\n{}`, 417],
    ['a foreign host', 'GET /health HTTP/1.1\r\nhost: evil.example\r\n\r\n', 403],
  ])('refuses %s', async (_, bytes, status) => {
    const answer = await rawCall(server.url, bytes);
    expect(answer.status).toBe(status);
  });

  test('closes calls that trickle in, headers or body, and serves others meanwhile', async () => {
    const trickle = (start: string) => rawCall(server.url, [start, ...Array(40).fill('a')], 100);
    const slow = [trickle(`GET /health HTTP/1.1\r\n${host}x: `), trickle(`${post}content-length: 1000\r\n\r\n`)];
    const { status } = await call('/v1/completions', RIGHT['/v1/completions']);
    expect(status).toBe(200);
    for (const { status: ended } of await Promise.all(slow)) expect([0, 400, 408]).toContain(ended);
  }, 30_000);
});
