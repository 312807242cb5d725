// The table of docs/scaling.md that says what routers change of a call, row by row, before real ones.
// @module-tag slow
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { NoTokenIdsError, streamWithResume } from '../../src/client/index.ts';
import { readDocument } from '../docs/documents.ts';
import { errorOf } from '../support/error-of.ts';
import { NGINX_CONFIGURATION, SMG_FLAGS } from '../support/server/router-settings.ts';
import { hasRouter, REPLICA_FACTS, startNginx, startSmg } from '../support/server/routers.ts';
import { SlowRunner } from '../support/server/slow-runner.ts';
import { type StubCall, type StubHandler, sendEvents, sendJson, startStub } from '../support/server/stub-server.ts';
import { SERVER_LIMITS, startTestServer } from '../support/server/test-server.ts';

const COMPLETION = { model: 'tales', prompt: 'Once upon a time', max_tokens: 3, seed: 7 };
const CHAT = { model: 'tales', messages: [{ role: 'user', content: 'Who came?' }], max_tokens: 3, seed: 7 };
const [COMPLETIONS, CHATS, EMBEDDINGS] = ['/v1/completions', '/v1/chat/completions', '/v1/embeddings'] as const;
const TIMELINE = { 'x-roseinfer-timeline': 'true' };
/** Parameters of chats that sglang's router does not know, one by one. */
const UNKNOWN = {
  return_token_ids: true,
  timeline: true,
  resume: { ids: [5], system_fingerprint: 'fp_other' },
  structured_outputs: { choice: ['king'] },
  guided_choice: ['king'],
  cache_salt: 7,
  priority: 1000,
  nothing: 1,
};

/** Answer of a call, without what no two answers share. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly retry: string | null;
}

type Headers = Readonly<Record<string, string>>;
type Caller = (path: string, body?: object, headers?: Headers, method?: string) => Promise<Answer>;

/** Ways to a replica: through a router, and straight. */
interface Ways {
  readonly routed: Caller;
  readonly direct: Caller;
  /** Calls a stub of a replica through the router; returns the answer, and the calls that came. */
  readonly stubbed: (handler: StubHandler, path: string, body: object) => Promise<[Answer, readonly StubCall[]]>;
  /** Begins a stream through the router, and leaves it. */
  readonly left: () => Promise<void>;
}

function callerOf(url: string): Caller {
  return async (path, body, headers = {}, method = body ? 'POST' : 'GET') => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const all = { 'content-type': 'application/json', ...headers };
    const response = await fetch(`${url}${path}`, { method, headers: all, ...sent });
    const text = (await response.text()).replaceAll(/"(id|created|created_at)":("[^"]*"|\d+)/g, '"$1":0');
    const { status, headers: given } = response;
    return { status, type: given.get('content-type') ?? '', text, retry: given.get('retry-after') };
  };
}

/** Expects that an answer through a router is the replica's own. */
async function expectSame({ routed, direct }: Ways, path: string, body: object, headers: Headers = {}): Promise<void> {
  // Spans of a timeline are not the same twice, nor are hits of the prefix cache.
  const plain = ({ text, ...answer }: Answer) => ({
    ...answer,
    text: text.replace(/"timeline":\[[^\]]+\]/, '"timeline":[]').replace(/"cached_tokens":\d+/, ''),
  });
  expect(plain(await routed(path, body, headers))).toEqual(plain(await direct(path, body, headers)));
}

const full: StubHandler = (_, response) => {
  response.setHeader('retry-after', '7');
  sendJson(response, { error: { code: 'queue_full', message: 'full' } }, 429);
};

/** Expects that calls go to one path of some, and are answered with a status through a router. */
async function expectStatus(routed: Caller, status: number): Promise<void> {
  for (const [path, body] of OTHER_CALLS)
    expect({ path, status: (await routed(path, body)).status }).toEqual({ path, status });
}
const OTHER_CALLS: readonly (readonly [string, object?])[] = [
  ['/tokenize', { prompt: 'a' }],
  ['/detokenize', { tokens: [5] }],
  ['/v1/models/tales'],
  ['/server_info'],
  ['/version'],
  ['/metrics'],
  ['/live'],
  ['/'],
];

type Check = (ways: Ways) => Promise<void>;
const passes =
  (path: string, body: object, headers?: Headers): Check =>
  (ways) =>
    expectSame(ways, path, body, headers);

/** Each row of the table: sglang's router, nginx. */
const ROWS: Readonly<Record<string, readonly [smg: Check, nginx: Check]>> = {
  'completions, with any parameter': [
    (ways) =>
      expectSame(ways, COMPLETIONS, { ...COMPLETION, return_token_ids: true, timeline: true, guided_choice: ['king'] }),
    (ways) =>
      expectSame(ways, COMPLETIONS, { ...COMPLETION, return_token_ids: true, timeline: true, guided_choice: ['king'] }),
  ],
  'completions of lists of ids': [
    async ({ routed }) =>
      expect(await routed(COMPLETIONS, { ...COMPLETION, prompt: [1, 2] })).toMatchObject({ status: 422 }),
    passes(COMPLETIONS, { ...COMPLETION, prompt: [1, 2] }),
  ],
  'calls without `model`': [
    async ({ routed }) => {
      expect(await routed(COMPLETIONS, { prompt: 'a' })).toMatchObject({ status: 422 });
      expect(await routed(CHATS, { messages: CHAT.messages })).toMatchObject({ status: 404 });
    },
    passes(COMPLETIONS, { ...COMPLETION, model: undefined }),
  ],
  'chats with `return_token_ids`, `timeline`, `resume`, `structured_outputs`, `guided_*`, `cache_salt`, `priority` or an unknown parameter':
    [
      async ({ routed, direct }) => {
        const bare = await direct(CHATS, CHAT);
        for (const [name, value] of Object.entries(UNKNOWN)) {
          const { text, status } = await routed(CHATS, { ...CHAT, [name]: value });
          const contentOf = (answer: string) => /"content":"[^"]*"/.exec(answer)?.[0];
          expect({ name, status, content: contentOf(text) }).toEqual({
            name,
            status: 200,
            content: contentOf(bare.text),
          });
          expect(text).not.toMatch(/token_ids|timeline/);
          expect(await direct(CHATS, { ...CHAT, [name]: value })).not.toMatchObject({ text: bare.text });
        }
      },
      async (ways) => {
        for (const [name, value] of Object.entries(UNKNOWN)) await expectSame(ways, CHATS, { ...CHAT, [name]: value });
      },
    ],
  'headers other than `authorization` and `x-request-id`, such as `x-roseinfer-timeline`': [
    async ({ routed }) => expect((await routed(COMPLETIONS, COMPLETION, TIMELINE)).text).not.toContain('timeline'),
    passes(COMPLETIONS, COMPLETION, TIMELINE),
  ],
  'a wrong value': [
    async ({ routed }) => {
      const completion = await routed(COMPLETIONS, { ...COMPLETION, seed: 1.5 });
      expect(completion).toMatchObject({ status: 422, type: expect.stringContaining('text/plain') });
      const chat = await routed(CHATS, { ...CHAT, min_p: 7 });
      expect(chat.status).toBe(400);
      expect(chat.text).not.toContain('"param"');
    },
    passes(COMPLETIONS, { ...COMPLETION, seed: 1.5 }),
  ],
  'an error of the replica, with its headers': [
    async ({ stubbed }) => {
      const [answer, calls] = await stubbed(full, COMPLETIONS, COMPLETION);
      expect(answer).toMatchObject({ status: 429, retry: '7', text: expect.stringContaining('queue_full') });
      expect(calls).toHaveLength(5);
    },
    async ({ stubbed }) => {
      const [answer, calls] = await stubbed(full, COMPLETIONS, COMPLETION);
      expect(answer).toMatchObject({ status: 429, retry: '7', text: expect.stringContaining('queue_full') });
      expect(calls).toHaveLength(1);
    },
  ],
  '`/generate`': [
    async ({ routed }) => expect(await routed('/generate', { prompt: 'Once', seed: 1 })).toMatchObject({ status: 400 }),
    passes('/generate', { prompt: 'Once', seed: 1, max_new_tokens: 3 }),
  ],
  '`/v1/embeddings`': [
    async ({ stubbed }) => {
      const [, [seen]] = await stubbed(sendNothing, EMBEDDINGS, { model: 'tales', input: [5], pooling: 'last' });
      expect(seen?.body).toEqual({ model: 'tales', input: [5] });
    },
    passes(EMBEDDINGS, { model: 'tales', input: [5, 6], pooling: 'last' }),
  ],
  '`/tokenize`, `/detokenize`, `/abort/{id}`, `/v1/models/{id}`, `/server_info`, `/version`, `/metrics`, `/live`, the page':
    [
      async ({ routed }) => {
        await expectStatus(routed, 404);
        expect(await routed('/abort/cmpl-1', {})).toMatchObject({ status: 404, text: '' });
      },
      async (ways) => {
        await expectStatus(ways.routed, 200);
        await expectSame(ways, '/abort/cmpl-1', {});
      },
    ],
  '`/v1/responses` after an earlier one': [
    async ({ routed, stubbed }) => {
      const body = { model: 'tales', input: 'a', previous_response_id: 'resp_1' };
      const [, [seen]] = await stubbed(sendNothing, '/v1/responses', body);
      expect(seen?.body).toMatchObject({ previous_response_id: 'resp_1' });
      expect(await routed('/v1/responses/resp_1', undefined, {}, 'DELETE')).toMatchObject({ status: 501 });
    },
    passes('/v1/responses', { model: 'tales', input: 'a', previous_response_id: 'resp_1' }),
  ],
  'a caller that leaves': [expectStops, expectStops],
  'a stream whose replica is gone': [expectCut, expectCut],
};

const sendNothing: StubHandler = (_, response) => sendJson(response, {});

/** Expects that a replica stops when the caller leaves. */
async function expectStops({ direct, left }: Ways): Promise<void> {
  await left();
  while (!/^vllm:num_requests_running\S* 0$/m.test((await direct('/metrics')).text)) await setTimeout(10);
}

/** Expects that a caller sees that a stream is not whole. */
async function expectCut({ stubbed }: Ways): Promise<void> {
  const cut: StubHandler = (_, response) => {
    sendEvents(response, [{ choices: [] }]);
    response.write('', () => response.destroy());
  };
  await expect(stubbed(cut, COMPLETIONS, { ...COMPLETION, stream: true })).rejects.toThrow('terminated');
}

const ROUTERS = [
  ['sglang-router', hasRouter.smg, 0, (urls: readonly string[]) => startSmg(urls, SMG_FLAGS)],
  ['nginx', hasRouter.nginx, 1, (urls: readonly string[]) => startNginx(NGINX_CONFIGURATION, urls)],
] as const;

test('each row of the table is tried', () => {
  const [, table = ''] = readDocument('docs/scaling.md').text.split('\n| call | sglang-router 0.3.2 | nginx |\n');
  const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (.*?) \|/gm)].map(([, name = '']) => name);
  expect(rows.slice(1)).toEqual(Object.keys(ROWS));
});

describe.each(ROUTERS)('what %s changes, for which this machine needs it', (_, isThere, place, start) => {
  test.skipIf(!isThere)('is what the table says', async () => {
    await using stack = new AsyncDisposableStack();
    const replica = stack.use(await startTestServer({ runner: new SlowRunner(SERVER_LIMITS) }));
    const router = stack.use(await start([replica.url]));
    const stubbed: Ways['stubbed'] = async (handler, path, body) => {
      await using stub = await startStub({ ...REPLICA_FACTS, [path]: handler });
      await using before = await start([stub.url]);
      const answer = await callerOf(before.url)(path, body);
      return [answer, stub.calls.filter((each) => each.path === path)];
    };
    const left = async () => {
      const controller = new AbortController();
      const body = JSON.stringify({ ...COMPLETION, max_tokens: 200, ignore_eos: true, stream: true });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${router.url}${COMPLETIONS}`, {
        method: 'POST',
        headers,
        body,
        signal: controller.signal,
      });
      await response.body!.getReader().read();
      expect((await callerOf(replica.url)('/metrics')).text).toMatch(/^vllm:num_requests_running\S* 1$/m);
      controller.abort();
    };
    const ways = { routed: callerOf(router.url), direct: callerOf(replica.url), stubbed, left };
    for (const [row, checks] of Object.entries(ROWS)) {
      await checks[place](ways).catch((error: Error) => {
        throw new Error(`${row}: ${error.message}`, { cause: error });
      });
    }
  });
});

test.skipIf(!hasRouter.smg)(
  'a chat through sglang-router, for which this machine needs it, fails at once where it should go on elsewhere',
  async () => {
    await using replica = await startTestServer();
    await using router = await startSmg([replica.url], SMG_FLAGS);
    const stream = streamWithResume({ replicas: [router.url, replica.url], path: CHATS, body: CHAT });
    expect(await errorOf(() => stream.next())).toBeInstanceOf(NoTokenIdsError);
  },
);
