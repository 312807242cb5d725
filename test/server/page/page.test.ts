// The server's page: what is served, under which policy and to whom.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { startTestServer } from '../../support/server/test-server.ts';

test('the page and all that it names are served without a key, under a policy of this host alone', async () => {
  await using server = await startTestServer({ options: { keys: ['k'.repeat(20)] } });
  const index = await fetch(`${server.url}/`);
  expect(index.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const named = [...(await index.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
  const imported = ['page.js', 'live.js', 'playground.js', 'key.js'].map((name) => `/page/${name}`);
  const paths = new Set([...named, ...imported, '/page/uplot.js']);
  expect(paths.size).toBeGreaterThan(6);
  for (const path of paths) {
    const response = await fetch(`${server.url}${path}`);
    expect([path, response.status]).toEqual([path, 200]);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self'; frame-ancestors 'none';/);
    const text = await response.text();
    for (const [, module = ''] of text.matchAll(/from '\.\/([^']+)'/g)) expect(paths).toContain(`/page/${module}`);
  }
});

test.each(['/page/tsconfig.json', '/page/..%2fpackage.json', '/page/constructor', '/page/'])(
  '%s is not served',
  async (path) => {
    await using server = await startTestServer();
    expect((await fetch(`${server.url}${path}`)).status).toBe(404);
  },
);

test('the live view needs a key where the server has one, and tells nothing of texts and ids', async () => {
  const key = 'k'.repeat(20);
  await using server = await startTestServer({ options: { keys: [key] } });
  const headers = { authorization: `Bearer ${key}`, 'x-request-id': 'my-own-id' };
  expect((await fetch(`${server.url}/live`)).status).toBe(401);
  const answer = await server.post('/v1/completions', { prompt: 'a secret', max_tokens: 4, ignore_eos: true }, headers);
  expect(answer.status).toBe(200);
  const { id }: { id: string } = JSON.parse(await answer.text());
  const text = await (await fetch(`${server.url}/live`, { headers })).text();
  expect(text).not.toMatch(new RegExp(`secret|my-own-id|${id}`));
  const { model, requests, seconds, limits } = JSON.parse(text);
  expect({ model, requests, limits }).toMatchObject({ model: 'tales', requests: [], limits: { num_blocks: 512 } });
  const generated = seconds.reduce((sum: number, each: { generated: number }) => sum + each.generated, 0);
  expect(generated).toBe(4);
});

test('a link of another site opens the page, and nothing else of the server', async () => {
  await using server = await startTestServer();
  const open = async (path: string, headers = {}) => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const [response]: IncomingMessage[] = await once(
      get(`${server.url}${path}`, { headers: { ...link, ...headers } }),
      'response',
    );
    response?.resume();
    return response?.statusCode;
  };
  expect(await open('/')).toBe(200);
  expect(await Promise.all(['/live', '/v1/models', '/page/page.js'].map((path) => open(path)))).toEqual([
    403, 403, 403,
  ]);
  expect(await open('/', { 'sec-fetch-dest': 'iframe' })).toBe(403);
  expect(await open('/', { origin: 'https://evil.example' })).toBe(403);
});
