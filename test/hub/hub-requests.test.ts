// Requests to the hub: who sees the token, how far redirects are followed, which answers are asked for again, and what a refusal says.
import { createServer, type Server } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HubRequests } from '../../src/hub/hub-requests.ts';
import { errorOf } from '../support/error-of.ts';
import { HubStub, repoOf, type StubHook } from '../support/hub/hub-stub.ts';
import { pullFrom } from '../support/hub/pull-from.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const REPO = 'someone/model';
const bytes = new Uint8Array(1000).fill(7);

async function startStub(hook: StubHook = () => false): Promise<HubStub> {
  const stub = await HubStub.start();
  onTestFinished(() => stub[Symbol.asyncDispose]());
  stub.repos.set(REPO, repoOf({ 'config.json': { bytes }, 'weights.bin': { bytes, isLarge: true } }));
  stub.hook = hook;
  return stub;
}

/** Answers each call with a status. */
const answering =
  (status: number, headers: Record<string, string> = {}): StubHook =>
  (_, response) => {
    response.writeHead(status, headers).end();
    return true;
  };

const messageOf = async (action: () => unknown) => {
  const error = await errorOf(action);
  return error instanceof Error ? error.message : String(error);
};

test('the token goes to the hub with every request and to no content host', async () => {
  const stub = await startStub();
  stub.repos.set(REPO, repoOf({ 'weights.bin': { bytes, isLarge: true } }, 'first', { isGated: true }));
  await pullFrom(stub, temporaryDirectory(), REPO, { on: { token: stub.token } });
  const tokens = (host: string) =>
    stub.calls.filter((call) => call.host === host).map(({ headers }) => headers.authorization);
  expect(new Set(tokens('hub'))).toEqual(new Set([`Bearer ${stub.token}`]));
  expect(tokens('content')).toEqual([undefined]);
});

test('the token does not come back with a redirect that leads from a content host to another port', async () => {
  const stub = await startStub();
  const seen: unknown[] = [];
  const other: Server = createServer(({ headers }, response) => {
    seen.push(headers.authorization);
    response.end(bytes);
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : 0;
  stub.hook = ({ host }, response) => {
    if (host === 'content') response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end();
    return host === 'content';
  };
  await pullFrom(stub, temporaryDirectory(), REPO, { on: { token: stub.token } });
  expect(seen).toEqual([undefined]);
});

describe('a redirect', () => {
  test('in a circle is left after ten', async () => {
    const stub = await startStub(({ path }, response) =>
      answering(302, { location: path })({ ...stub.calls[0]! }, response),
    );
    expect(await messageOf(() => pullFrom(stub, temporaryDirectory(), REPO))).toMatch(/redirects more than 10 times/);
    expect(stub.calls).toHaveLength(11);
  });

  test.each([
    ['ftp://127.0.0.1/x', 'redirect (302) of 127.0.0.1'],
    ['http://user:secret@127.0.0.1/x', 'redirect (302) of 127.0.0.1'],
    ['http://[', 'is to "http://["'],
  ])('to %s is refused', async (location, message) => {
    const stub = await startStub(answering(302, { location }));
    const text = await messageOf(() => pullFrom(stub, temporaryDirectory(), REPO));
    expect(text).toContain(message);
    expect(text).not.toContain('secret');
  });
});

describe('a refusal says what to do:', () => {
  test('a restricted model', async () => {
    const stub = await startStub();
    stub.repos.set(REPO, repoOf({}, 'first', { isGated: true }));
    const pullWith = (token: string | null) =>
      messageOf(() => pullFrom(stub, temporaryDirectory(), REPO, { on: { token } }));
    const restricted = 'expected a token of an account that was given it: ask for it at';
    const begin = 'someone/model: access is restricted';
    expect(await pullWith(null)).toBe(
      `${begin} (401, GatedRepo), ${restricted} ${stub.url}/${REPO}, then set HF_TOKEN`,
    );
    expect(await pullWith('hf_other')).toBe(`${begin} (403, GatedRepo), ${restricted} ${stub.url}/${REPO}`);
  });

  test('a model, a revision and a file that are not there', async () => {
    const stub = await startStub();
    const cache = temporaryDirectory();
    expect(await messageOf(() => pullFrom(stub, cache, 'no/model'))).toMatch(
      /^no\/model: model is not found \(401, RepoNotFound\) at http.*, or a token in HF_TOKEN for a private one$/,
    );
    expect(await messageOf(() => pullFrom(stub, cache, REPO, { revision: 'v9' }))).toBe(
      'someone/model: revision is not found (404, RevisionNotFound), expected a branch, tag or commit',
    );
    stub.hook = ({ path }, response) =>
      path.includes('/resolve/') && answering(404, { 'x-error-code': 'EntryNotFound' })(stub.calls[0]!, response);
    expect(await messageOf(() => pullFrom(stub, cache, REPO))).toMatch(
      /config\.json is not found \(404, EntryNotFound\)/,
    );
  });
});

describe('an answer that may change', () => {
  test('is asked for again after the time that the hub names', async () => {
    let numRefused = 0;
    const waits: string[] = [];
    const stub = await startStub(
      (call, response) => ++numRefused <= 2 && answering(429, { 'retry-after': '1' })(call, response),
    );
    await pullFrom(stub, temporaryDirectory(), REPO, { onWait: (line) => waits.push(line) });
    expect(waits).toEqual(
      Array(2).fill(expect.stringMatching(/answers 429, expected success; next attempt in 1\.0 s$/)),
    );
  });

  test.each([500, 502, 503, 504, 408])('is reported after five attempts: %i', async (status) => {
    const stub = await startStub(answering(status));
    expect(await errorOf(() => pullFrom(stub, temporaryDirectory(), REPO))).toMatchObject({
      name: 'HubResponseError',
      status,
    });
    expect(stub.calls).toHaveLength(5);
  });

  test('is reported at once when the hub asks for more than five minutes, or when it will not change', async () => {
    for (const hook of [
      answering(429, { 'retry-after': '301' }),
      answering(400),
      answering(451, { 'x-error-message': 'no' }),
    ]) {
      const stub = await startStub(hook);
      expect(await messageOf(() => pullFrom(stub, temporaryDirectory(), REPO))).toMatch(
        /answers 4\d\d(: no)?, expected success$/,
      );
      expect(stub.calls).toHaveLength(1);
    }
  });

  test('is none while nobody listens: the connection is named', async () => {
    const stub = await startStub();
    const { url } = stub;
    await stub[Symbol.asyncDispose]();
    const { signal } = new AbortController();
    const requests = new HubRequests({ repo: REPO, endpoint: url, token: null, signal, backoff: 1 });
    const message = await messageOf(() => requests.fetchApi(`${url}/api`));
    expect(message).toBe(`connection to ${new URL(url).host} failed (ECONNREFUSED), expected an answer`);
    const port = await messageOf(() => requests.fetchApi('http://127.0.0.1:9/api')); // one that fetch never calls
    expect(port).toBe('connection to 127.0.0.1:9 failed (bad port), expected an answer');
  });

  test('is none behind a proxy that Node is not told to use, which is said', async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    const endpoint = 'https://127.0.0.1:9'; // a port that fetch never calls
    const { signal } = new AbortController();
    const requests = new HubRequests({ repo: REPO, endpoint, token: null, signal, backoff: 1 });
    const messageWith = async (proxy: string, isUsed: string) => {
      vi.stubEnv('HTTPS_PROXY', proxy).stubEnv('NODE_USE_ENV_PROXY', isUsed);
      return await messageOf(() => requests.fetchApi(`${endpoint}/api`));
    };
    const advice = ': set NODE_USE_ENV_PROXY=1 for Node to use the proxy of HTTPS_PROXY';
    const failed = 'connection to 127.0.0.1:9 failed (bad port), expected an answer';
    expect(await messageWith('http://proxy', '')).toBe(failed + advice);
    expect(await messageWith('http://proxy', '1')).toBe(failed);
  });
});
