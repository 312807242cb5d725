// Streams over replicas that break: chunks are those of a stream that was never cut, wherever it is cut and however often.
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CallRefusedError,
  NoReplicaError,
  NoTokenIdsError,
  type ResumableCall,
  type StreamChunk,
  streamWithResume,
} from '../../src/client/index.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { EOS } from '../support/engine/test-runners.ts';
import { errorOf } from '../support/error-of.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/server/cutting-proxy.ts';
import { parseEvents } from '../support/server/read-events.ts';
import { type StubHandler, sendEvents, sendJson, startStub } from '../support/server/stub-server.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';

const CHAT = { messages: [{ role: 'user', content: 'Who came?' }] };
const DEVICE_FAILED = { type: 'server_error', code: 'device_failed', message: 'it is gone' };
const PROMPT = { prompt: 'Once upon a time' };

/** Starts a replica whose texts are of few letters, é among them, so that they meet stop strings and parts of characters. */
async function startReplica(fingerprint = 'fp_a'): Promise<TestServer> {
  const runner = new FakeRunner(SERVER_LIMITS);
  const letters = talesTokenizer.encode('a b é🦊 ab');
  runner.alphabet = [...letters, EOS];
  runner.eosIds = [EOS];
  return await startTestServer({ runner, fingerprint });
}

let replicas: readonly TestServer[];
let proxy: CuttingProxy;
let second: CuttingProxy;
beforeAll(async () => {
  replicas = await Promise.all([startReplica(), startReplica()]);
  [proxy, second] = await Promise.all([startCuttingProxy(replicas[0]!.url), startCuttingProxy(replicas[1]!.url)]);
});
afterAll(async () => {
  for (const each of [proxy, second, ...replicas]) await each[Symbol.asyncDispose]();
});

/** Reads a stream to its end, after chunks that were read before. */
async function collect(stream: AsyncIterable<StreamChunk>, chunks: StreamChunk[] = []): Promise<StreamChunk[]> {
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const read = (call: ResumableCall): Promise<StreamChunk[]> => collect(streamWithResume(call));

/** Chunks without the id and the time of the answer, and without hits of the prefix cache, which no two streams share. */
function same(chunks: readonly object[]): object[] {
  return chunks.map((chunk) => {
    const text = JSON.stringify({ ...chunk, id: '', created: 0 });
    return JSON.parse(text.replace(/"cached_tokens":\d+/, '"cached_tokens":0'));
  });
}

/** Chunks of a stream that nothing cuts. */
async function whole(path: string, body: object): Promise<object[]> {
  const response = await replicas[0]!.post(path, { ...body, stream: true, return_token_ids: true });
  expect(response.status).toBe(200);
  const { chunks, isMarked } = parseEvents(await response.text());
  expect(isMarked).toBe(true);
  return same(chunks);
}

const idsIn = (chunks: readonly object[]): number[] =>
  parseEvents(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')).chunks.flatMap(({ choices }) =>
    choices.flatMap(({ token_ids: ids = [] }) => ids),
  );

/** Calls, and the reason with which each ends. */
const CALLS = [
  ['of a completion', 'length', '/v1/completions', { ...PROMPT, seed: 1, max_tokens: 9, ignore_eos: true }],
  ['of ids as a prompt', 'length', '/v1/completions', { prompt: [1, 2, 3], seed: 2, max_tokens: 1 }],
  ['that the eos ends', 'stop', '/v1/completions', { ...PROMPT, seed: 4, max_tokens: 40 }],
  [
    'that a stop string ends',
    'stop',
    '/v1/completions',
    { ...PROMPT, seed: 1, max_tokens: 40, ignore_eos: true, stop: ['ab', 'éa', ' b a'] },
  ],
  [
    'with penalties, a bias, an echo and log-probabilities',
    'length',
    '/v1/completions',
    {
      ...PROMPT,
      ...{ seed: 3, max_tokens: 8, logprobs: 2, presence_penalty: 0.5, frequency_penalty: 0.3, echo: true },
      ...{ repetition_penalty: 1.2, logit_bias: { 5: 1 }, ignore_eos: true },
    },
  ],
  [
    'with a least length before its stop string, and usage in each chunk',
    'stop',
    '/v1/completions',
    {
      ...PROMPT,
      ...{ seed: 1, max_tokens: 20, min_tokens: 7, stop: ['a', 'b'] },
      stream_options: { include_usage: true, continuous_usage_stats: true },
    },
  ],
  [
    'of a chat, with usage at its end',
    'length',
    '/v1/chat/completions',
    { ...CHAT, seed: 5, max_tokens: 9, ignore_eos: true, stream_options: { include_usage: true } },
  ],
] as const;

describe('a stream', () => {
  test.each(CALLS)('%s goes on elsewhere wherever it is cut', async (_, reason, path, body) => {
    const expected = await whole(path, body);
    expect(JSON.stringify(expected)).toContain(`"finish_reason":"${reason}"`);
    expect(idsIn(expected).length).toBeGreaterThan(0);
    for (let cut = 0; cut <= expected.length; cut++) {
      proxy.cutAt([cut]);
      const chunks = await read({ replicas: [proxy.url, replicas[1]!.url], path, body });
      expect(same(chunks), `cut after ${cut} events`).toEqual(expected);
      expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
    }
  });

  test('goes on from cut to cut, and back at a replica that broke before', async () => {
    const [, , path, body] = CALLS[0];
    const expected = await whole(path, body);
    for (const [first, then] of [
      [[1, 3], [2]],
      [[4, 4], [3]],
      [
        [2, 5],
        [4, 0],
      ],
      [[6], [2]],
    ]) {
      proxy.cutAt(first!);
      second.cutAt(then!);
      expect(same(await read({ replicas: [proxy.url, second.url], path, body }))).toEqual(expected);
      expect(second.bodies.length).toBeGreaterThan(0);
    }
    // The last call goes on after all ids but the newest.
    const { resume } = proxy.bodies.at(-1)!;
    expect(idsIn(expected).slice(0, resume!.ids.length)).toEqual(resume!.ids);
  });

  test('has one seed of its own in all calls where its caller gives none', async () => {
    proxy.cutAt([4]);
    const path = '/v1/completions';
    const chunks = await read({ replicas: [proxy.url, replicas[1]!.url], path, body: { ...PROMPT, max_tokens: 6 } });
    const [first] = chunks;
    expect(same(chunks)).toEqual(await whole(path, { ...PROMPT, max_tokens: 6, seed: first!.seed }));
    expect(chunks.filter(({ seed }) => seed !== undefined)).toEqual([first]);
  });

  test('goes on when its server ends, and when it can not be reached', async () => {
    const [, , path, body] = CALLS[0];
    const expected = await whole(path, body);
    const gone = await startReplica();
    const { url } = gone;
    const stream = streamWithResume({ replicas: [url, url, replicas[1]!.url], path, body, attempts: 3 });
    const chunks = [(await stream.next()).value!];
    await gone[Symbol.asyncDispose]();
    expect(same(await collect(stream, chunks))).toEqual(expected);
    expect(same(await read({ replicas: [url, replicas[1]!.url], path, body }))).toEqual(expected);
  });
});

describe('a replica is passed over', () => {
  const [, , path, body] = CALLS[0];

  test('that has another fingerprint', async () => {
    await using other = await startReplica('fp_b');
    proxy.cutAt([3]);
    const urls = [proxy.url, other.url, replicas[1]!.url];
    expect(same(await read({ replicas: urls, path, body }))).toEqual(await whole(path, body));
  });

  const FAULTS: readonly (readonly [fault: string, message: string, handler: StubHandler])[] = [
    ['failed', 'answers 503: the queue', (_, response) => sendJson(response, { error: { message: 'the queue' } }, 503)],
    ['failed', 'answers 200 without a stream', (_, response) => sendJson(response, {})],
    ['failed', 'it sent 7', (_, response) => sendEvents(response, ['7'])],
    ['failed', 'it is gone', (_, response) => sendEvents(response, [{ error: DEVICE_FAILED }])],
    ['silent', 'was silent', () => {}],
  ];
  test.each(FAULTS)('that %s: %s', async (fault, message, handler) => {
    await using stub = await startStub({ [path]: handler });
    const call = { path, body, silenceMs: 200, replicas: [stub.url, replicas[0]!.url] };
    expect(same(await read(call))).toEqual(await whole(path, body));
    const error = await errorOf(() => read({ ...call, replicas: [stub.url] }));
    expect(error).toBeInstanceOf(NoReplicaError);
    expect(error).toMatchObject({ ids: [], failures: [{ fault, replica: stub.url }] });
    expect(String(error)).toContain(message);
  });

  test('that gives other ids than before', async () => {
    const [first, ...rest] = await whole(path, body);
    await using stub = await startStub({
      [path]: (_, response) => {
        const wrong = rest.map((chunk) =>
          JSON.parse(JSON.stringify(chunk).replace(/"token_ids":\[\d+\]/, '"token_ids":[7]')),
        );
        sendEvents(response, [first!, ...wrong, '[DONE]']);
        response.end();
      },
    });
    proxy.cutAt([2]);
    const failures = [{ fault: 'cut' }, { fault: 'other-ids' }];
    await expect(read({ replicas: [proxy.url, stub.url], path, body, attempts: 1 })).rejects.toMatchObject({
      failures,
    });
  });
});

describe('a stream fails', () => {
  const [, , path, body] = CALLS[0];

  test('where the only replicas left have another fingerprint, and says which ids came', async () => {
    await using other = await startReplica('fp_b');
    proxy.cutAt([4]);
    const error = await errorOf(() => read({ replicas: [proxy.url, other.url], path, body, attempts: 1 }));
    const ids = idsIn(await whole(path, body)).slice(0, 3);
    expect(error).toMatchObject({ ids, failures: [{ fault: 'cut' }, { fault: 'other-fingerprint' }] });
    expect(String(error)).toMatch(
      /^NoReplicaError: no replica goes on with the stream after 3 ids: .* ended the stream .*; .* has another fingerprint/,
    );
  });

  test('where all replicas are gone, after as many calls as there are replicas', async () => {
    const gone = await Promise.all([startReplica(), startReplica()]);
    for (const each of gone) await each[Symbol.asyncDispose]();
    const call = { replicas: gone.map(({ url }) => url), path, body };
    const error = await errorOf(() => read(call));
    expect(error).toBeInstanceOf(NoReplicaError);
    expect(error).toMatchObject({ failures: [{ fault: 'unreachable' }, { fault: 'unreachable' }] });
    const failures = Array(5).fill({ fault: 'unreachable' });
    expect(await errorOf(() => read({ ...call, attempts: 5 }))).toMatchObject({ failures });
  });

  test.each([
    [400, 'invalid_value', { ...PROMPT, max_tokens: 0 }],
    [404, 'model_not_found', { ...PROMPT, model: 'other' }],
  ])('at once where every replica would refuse it with %d', async (status, code, wrong) => {
    proxy.cutAt([]);
    const error = await errorOf(() => read({ replicas: [proxy.url, second.url], path, body: wrong }));
    expect(error).toBeInstanceOf(CallRefusedError);
    expect(error).toMatchObject({ status, code, replica: proxy.url });
    expect(proxy.bodies).toHaveLength(1);
  });

  test('at once where it took too long', async () => {
    const error = { type: 'timeout_error', code: 'deadline_exceeded', message: 'too long' };
    await using stub = await startStub({ [path]: (_, response) => sendEvents(response, [{ error }]) });
    const call = { replicas: [stub.url, replicas[0]!.url], path, body };
    await expect(read(call)).rejects.toMatchObject({ status: null, code: 'deadline_exceeded' });
  });

  test('at once where a router keeps the ids back', async () => {
    const [first] = await whole(path, { ...body, return_token_ids: false });
    const chunk = JSON.parse(JSON.stringify(first).replace(/,"token_ids":\[\]/, ''));
    await using stub = await startStub({ [path]: (_, response) => sendEvents(response, [chunk]) });
    const error = await errorOf(() => read({ replicas: [stub.url, replicas[0]!.url], path, body }));
    expect(error).toBeInstanceOf(NoTokenIdsError);
  });
});

describe('a stream ends', () => {
  const path = '/v1/completions';
  const body = { ...PROMPT, max_tokens: 200, ignore_eos: true };

  async function expectIdle(): Promise<void> {
    const running = async () => {
      const text = await (await fetch(`${replicas[0]!.url}/metrics`)).text();
      return /^vllm:num_requests_running\S* 0$/m.test(text);
    };
    while (!(await running())) await setTimeout(5);
  }

  test('with the reason of its signal, before and after it has begun', async () => {
    const reason = new Error('enough');
    const call = { replicas: replicas.map(({ url }) => url), path, body } as const;
    await expect(read({ ...call, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const stream = streamWithResume({ ...call, signal: controller.signal });
    await stream.next();
    controller.abort(reason);
    await expect(collect(stream)).rejects.toBe(reason);
    await expectIdle();
  });

  test('where its reader leaves, and the replica stops', async () => {
    for await (const _ of streamWithResume({ replicas: [replicas[0]!.url], path, body })) break;
    await expectIdle();
  });
});

describe('a call is refused before anything is sent', () => {
  const call = { replicas: ['http://127.0.0.1:9'], path: '/v1/completions', body: PROMPT };

  test.each([
    ['call of streamWithResume is 7, expected an object', 7],
    ['key of call of streamWithResume is "url", expected one of replicas, path', { ...call, url: '' }],
    ['replicas is undefined, expected a list of addresses', { ...call, replicas: undefined }],
    ['replicas is [], expected a list of addresses by http or https, without /v1', { ...call, replicas: [] }],
    ['replicas is ["127.0.0.1:8000"], expected', { ...call, replicas: ['127.0.0.1:8000'] }],
    ['replicas is ["http://a/v1/"], expected', { ...call, replicas: ['http://a/v1/'] }],
    ['path is "/generate", expected one of /v1/completions, /v1/chat/completions', { ...call, path: '/generate' }],
    ['body is "{}", expected an object', { ...call, body: '{}' }],
    ['apiKey is 7, expected a text', { ...call, apiKey: 7 }],
    ['signal is an object, expected an AbortSignal', { ...call, signal: {} }],
    ['attempts is 0, expected an integer ≥ 1', { ...call, attempts: 0 }],
    ['silenceMs is -1, expected a number > 0', { ...call, silenceMs: -1 }],
    ['stream of body is false, expected none: the client sets it', { ...call, body: { ...PROMPT, stream: false } }],
    ['n of body is 2, expected 1', { ...call, body: { ...PROMPT, n: 2 } }],
    ['tools of body is [], expected none', { ...call, body: { ...CHAT, tools: [] } }],
    ['prompt of body is ["a"], expected one text, or one list of ids', { ...call, body: { prompt: ['a'] } }],
  ])('%s', (message, wrong) => {
    expect(() => Reflect.apply(streamWithResume, null, [wrong])).toThrow(message);
  });
});
