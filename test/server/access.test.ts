// Who may call: keys, hosts, origins, addresses and connections.
import { describe, expect, test } from 'vitest';
import { Hosts, hostName, isLoopback } from '../../src/server/access/hosts.ts';
import { Keys, keysOf } from '../../src/server/access/keys.ts';
import { Origins } from '../../src/server/access/origins.ts';
import { checkCanListen, ListenError } from '../../src/server/listen.ts';
import { checkAccess, OpenServerError, SERVER_DEFAULTS } from '../../src/server/server-options.ts';
import { openSocket, rawCall } from '../support/server/raw-call.ts';
import { startTestServer } from '../support/server/test-server.ts';

const [ANN, BOB] = ['key-of-ann', 'key-of-bob'];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('keys', () => {
  test('lets their owners in and nobody else', () => {
    const keys = new Keys([ANN, BOB]);
    const ownerOf = (key: string) => keys.ownerOf(`Bearer ${key}`);
    expect(ownerOf(ANN)).toMatch(/^[\da-f]{64}$/);
    expect(ownerOf(ANN)).not.toBe(ownerOf(BOB));
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${ANN}`,
      ANN,
      `Bearer ${ANN}x`,
      `Bearer ${ANN} ${BOB}`,
    ])
      expect(keys.ownerOf(wrong)).toBeNull();
    expect(new Keys([]).ownerOf(undefined)).toBe('');
  });

  test('are read a line each, and refused without being shown', () => {
    expect(keysOf('# ours\none\r\n\n  two \n')).toEqual(['one', 'two']);
    for (const key of ['', 'a b', 'ä', 'x'.repeat(513)])
      expect(() => new Keys([key])).toThrow(/^key 1 is "\d+ characters?"/);
  });

  test('are asked for everywhere but at /health, and at /metrics unless it is open', async () => {
    const statuses = async (metricsOpen: boolean, headers = {}) => {
      await using server = await startTestServer({ options: { keys: [ANN], metricsOpen } });
      const paths = ['/health', '/metrics', '/version', '/v1/models', '/server_info', '/unknown'];
      const answers = await Promise.all(paths.map((path) => fetch(`${server.url}${path}`, { headers })));
      const post = await server.post('/v1/completions', { prompt: 'a' }, headers);
      expect(server.lines.join('')).not.toContain(ANN);
      return [...answers, post].map(({ status }) => status);
    };
    expect(await statuses(false)).toEqual([200, 401, 401, 401, 401, 401, 401]);
    expect(await statuses(true)).toEqual([200, 200, 401, 401, 401, 401, 401]);
    expect(await statuses(false, bearer(ANN))).toEqual([200, 200, 200, 200, 200, 404, 200]);
  });

  test('keep callers apart: aborts, responses and prefixes', async () => {
    await using server = await startTestServer({ options: { keys: [ANN, BOB] } });
    const post = async (path: string, body: object, key: string) => {
      const response = await server.post(path, body, bearer(key));
      return { status: response.status, body: JSON.parse(await response.text()) };
    };
    const { body: response } = await post('/v1/responses', { input: 'a', max_output_tokens: 1 }, ANN);
    const get = async (key: string) =>
      (await fetch(`${server.url}/v1/responses/${response.id}`, { headers: bearer(key) })).status;
    expect(await get(BOB)).toBe(404);
    expect(await get(ANN)).toBe(200);
    const after = { input: 'b', previous_response_id: response.id, max_output_tokens: 1 };
    expect((await post('/v1/responses', after, BOB)).status).toBe(400);
    expect((await post('/v1/responses', after, ANN)).status).toBe(200);
    const prompt = 'A long prompt that fills some blocks of the cache, and then some more of them, until it ends';
    const cached = async (key: string) =>
      (await post('/v1/completions', { prompt, max_tokens: 1 }, key)).body.usage.prompt_tokens_details.cached_tokens;
    expect([await cached(ANN), await cached(BOB)]).toEqual([0, 0]);
    expect(await cached(ANN)).toBeGreaterThan(0);
  });
});

describe('hosts', () => {
  test('are loopback, the address that was called, and those named', () => {
    const hosts = new Hosts(['llm.example', '::2']);
    const own = '192.0.2.7';
    for (const host of [
      'localhost',
      'LOCALHOST:80',
      '127.0.0.1:8000',
      '127.9.9.9',
      '[::1]:1',
      'llm.example:9',
      '[::2]',
      own,
    ])
      expect([host, hosts.accepts(host, own)]).toEqual([host, true]);
    for (const host of [
      undefined,
      '',
      'evil.example',
      'localhost.evil.example',
      '192.0.2.8',
      'llm.example.',
      'a@localhost',
      '127.0.0.1.evil',
    ])
      expect([host, hosts.accepts(host, own)]).toEqual([host, false]);
    expect(hosts.accepts('192.0.2.7:1', '::ffff:192.0.2.7')).toBe(true);
    expect([hostName('a:b:c'), hostName('[::1]:80')]).toEqual([null, '[::1]']);
    expect(['127.0.0.1', '0.0.0.0', '::', 'example'].map(isLoopback)).toEqual([true, false, false, false]);
  });

  test.each(['', 'a:80', '*', '*.example', 'http://a', 'a b', 'a/b', '-a', 'ä.example', '[::1]:80', 'a..b'])(
    'never as %j, which no header can have',
    (name) =>
      expect(() => new Hosts(['a', name])).toThrow(/^allowed host 2 is .*, expected a name or an address without port/),
  );

  test('a name that points here is refused', async () => {
    await using server = await startTestServer();
    const { status, body } = await rawCall(server.url, 'GET /v1/models HTTP/1.1\r\nhost: rebound.example\r\n\r\n');
    expect(status).toBe(403);
    expect(JSON.parse(body).error.code).toBe('host_not_allowed');
  });
});

describe('origins', () => {
  test('are no page, a page of this server, or one that is named', () => {
    const origins = new Origins(['https://chat.example']);
    const host = '127.0.0.1:8000';
    for (const headers of [{ host }, { host, origin: `http://${host}` }, { host, origin: 'https://chat.example' }])
      expect(origins.accepts(headers)).toBe(true);
    for (const origin of ['null', 'http://evil.example', 'http://127.0.0.1:3000', 'https://chat.example.evil'])
      expect(origins.accepts({ host, origin })).toBe(false);
    // A page's image or script tells no origin, but the browser says whose it is.
    for (const site of ['cross-site', 'same-site'])
      expect(origins.accepts({ host, 'sec-fetch-site': site })).toBe(false);
    expect(origins.accepts({ host, 'sec-fetch-site': 'none' })).toBe(true);
  });

  test.each([
    '*',
    'null',
    '',
    'chat.example',
    'https://chat.example/',
    'https://chat.example:443',
    'http://a:80',
    'https://a b',
    '//a',
    'https://u@a',
  ])('never %j, which no browser sends', (origin) =>
    expect(() => new Origins([origin])).toThrow(/^origin 1 of cors is .*, expected scheme and host/),
  );

  test('those of apps have schemes of their own, and letters of any case', () => {
    const origins = new Origins([
      'app://notes.example',
      'tauri://localhost',
      'HTTPS://Chat.Example:8443',
      'http://[::1]:3000',
    ]);
    for (const origin of ['app://notes.example', 'tauri://localhost', 'https://chat.example:8443', 'http://[::1]:3000'])
      expect([origin, origins.accepts({ host: 'localhost', origin })]).toEqual([origin, true]);
  });

  test('a foreign page gets no work done, and an allowed one reads answers', async () => {
    await using server = await startTestServer({ options: { cors: ['https://chat.example'] } });
    const post = (origin: string) => server.post('/v1/completions', { prompt: 'a', max_tokens: 1 }, { origin });
    const foreign = await post('https://evil.example');
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    const allowed = await post('https://chat.example');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([200, 'https://chat.example']);
    const asked = (origin: string) => fetch(`${server.url}/v1/completions`, { method: 'OPTIONS', headers: { origin } });
    expect((await asked('https://evil.example')).status).toBe(403);
    const preflight = await asked('https://chat.example');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(preflight.headers.get('access-control-allow-private-network')).toBeNull();
  });

  test.each([
    ['authorization,content-type,x-stainless-os,x-stainless-retry-count', true],
    ['authorization, x-title', true],
    ['a b', false],
    ['a;b', false],
    [`a${',a'.repeat(64)}`, false],
    ['a'.repeat(65), false],
  ])('an allowed page may send the headers of its client: %s', async (asked, isAllowed) => {
    await using server = await startTestServer({ options: { cors: ['https://chat.example'] } });
    const { headers } = await fetch(`${server.url}/v1/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://chat.example',
        'access-control-request-headers': asked,
        'access-control-request-private-network': 'true',
      },
    });
    expect(headers.get('access-control-allow-headers') === asked).toBe(isAllowed);
    expect(headers.get('access-control-allow-private-network')).toBe('true');
  });
});

describe('addresses and connections', () => {
  test('nobody serves strangers without a key by accident', async () => {
    const check = (options: object) => () => checkAccess({ ...SERVER_DEFAULTS, ...options });
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example']) {
      expect(check({ host })).toThrow(OpenServerError);
      expect(check({ host, keys: [ANN] })).not.toThrow();
      expect(check({ host, insecure: true })).not.toThrow();
    }
    await expect(startTestServer({ options: { host: '0.0.0.0' } })).rejects.toThrow(
      'expected a key by ROSEINFER_API_KEY',
    );
    await using server = await startTestServer({ options: { host: '0.0.0.0', insecure: true } });
    expect(server.url).toMatch(/^http:\/\/0\.0\.0\.0:/);
  });

  test.each([
    [
      '127.0.0.1',
      'EADDRINUSE',
      /^--port is \d+, at which another process listens, expected a free one, or 0 for any \(EADDRINUSE\)$/,
    ],
    [
      '192.0.2.1',
      'EADDRNOTAVAIL',
      /^--host is "192\.0\.2\.1", at which this machine can't listen, expected an address of its own/,
    ],
    ['nowhere.invalid', 'ENOTFOUND', /^--host is "nowhere\.invalid"/],
  ])('an address that can not be had, such as %s (%s), is named by its flag', async (host, code, message) => {
    await using server = await startTestServer();
    const options = { host, port: Number(new URL(server.url).port), insecure: true };
    for (const attempt of [() => startTestServer({ options }), () => checkCanListen(options)]) {
      const error = await attempt().then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ListenError);
      // Without a network, a name is not asked for.
      if (code === 'ENOTFOUND') expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(Reflect.get(Object(error), 'code'));
      else expect(error).toMatchObject({ host, code });
      expect(String(error)).toMatch(new RegExp(message.source.replace('^', '^ListenError: ')));
    }
  });

  test('one address has a bounded number of connections', async () => {
    await using server = await startTestServer({ options: { maxConnectionsPerAddress: 2 } });
    const sockets = [await openSocket(server.url), await openSocket(server.url)];
    const { status } = await rawCall(server.url, 'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(status).toBe(0);
    for (const socket of sockets) socket.destroy();
    const next = async () => (await rawCall(server.url, 'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')).status;
    await expect.poll(next).toBe(200);
  });
});
