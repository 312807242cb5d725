// `/v1/embeddings`: what the official client sends and reads, the same vectors in every shape of input, ends and limits.
import { setImmediate } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unitVector } from '../../src/util/unit-vector.ts';
import { FakeRunner, fakeEmbedding } from '../support/engine/fake-runner.ts';
import { FaultyRunner, HeldRunner } from '../support/engine/test-runners.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';

const TEXTS = ['Once upon a time', 'There was a king', 'x'];
const idsOf = (text: string) => talesTokenizer.encode(text, { addSpecial: false });
/** Embeddings of length 1 of the fake runner. */
const want = TEXTS.map((text) => [...unitVector(fakeEmbedding(idsOf(text)))]);
const KEY = 'a key of the tests'.replaceAll(' ', '-');
let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startTestServer({ options: { keys: [KEY] } });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY, maxRetries: 0 });
});
afterAll(() => server[Symbol.asyncDispose]());

/** Reads the JSON of an answer. */
const bodyOf = async (response: Response) => JSON.parse(await response.text());

/** Waits until the runner has a step to settle. */
async function heldStep(runner: HeldRunner): Promise<void> {
  while (runner.numHeld === 0) await setImmediate();
}

describe('the official client', () => {
  test('gets the vectors of a text, of texts, of ids and of lists of ids', async () => {
    const inputs = [TEXTS[0]!, TEXTS, idsOf(TEXTS[0]!), TEXTS.map(idsOf)];
    for (const input of inputs) {
      const { data, usage, model, object } = await client.embeddings.create({ model: 'tales', input });
      const isOne = !Array.isArray(input) || typeof input[0] === 'number';
      expect(data.map(({ embedding }) => embedding)).toEqual(isOne ? want.slice(0, 1) : want);
      expect(data.map(({ index }) => index)).toEqual(isOne ? [0] : [0, 1, 2]);
      const numTokens = TEXTS.slice(0, isOne ? 1 : 3).reduce((sum, text) => sum + idsOf(text).length, 0);
      expect(usage).toMatchObject({ prompt_tokens: numTokens, total_tokens: numTokens });
      expect({ model, object }).toEqual({ model: 'tales', object: 'list' });
    }
  });

  test('gets the same as numbers, as their bytes, and through its own decoder of base64', async () => {
    const call = { model: 'tales', input: TEXTS, user: 'somebody', dimensions: 2 };
    const numbers = await client.embeddings.create({ ...call, encoding_format: 'float' });
    expect(numbers.data.map(({ embedding }) => embedding)).toEqual(want);
    const bytes = await client.embeddings.create({ ...call, encoding_format: 'base64' });
    for (const [i, { embedding }] of bytes.data.entries()) {
      const { buffer, byteOffset, length } = Buffer.from(String(embedding), 'base64');
      expect([...new Float32Array(buffer.slice(byteOffset, byteOffset + length))]).toEqual(want[i]);
    }
    const decoded = await client.embeddings.create(call);
    expect(decoded.data.map(({ embedding }) => embedding)).toEqual(want);
  });

  test('is refused without a key, for another model and for another width', async () => {
    const input = 'a';
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.embeddings.create({ model: 'tales', input })).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(client.embeddings.create({ model: 'other', input })).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.embeddings.create({ model: 'tales', input, dimensions: 1 })).rejects.toThrow(
      '400 dimensions is 1, expected 2, the width of the model',
    );
  });
});

test('pooling, length and the prefix cache: the last of the hidden states, as they are', async () => {
  await using other = await startTestServer();
  const [text = ''] = TEXTS;
  const call = { input: `${text} ${text}`, pooling: 'last', normalize: false };
  const ids = idsOf(call.input);
  const answers = [];
  for (const cache_salt of ['', '', 'other']) {
    const response = await other.post('/v1/embeddings', { ...call, cache_salt });
    answers.push(await bodyOf(response));
  }
  for (const { data } of answers) expect(data[0].embedding).toEqual([...fakeEmbedding(ids, 'last')]);
  const cached = Math.floor((ids.length - 1) / 4) * 4;
  expect(answers.map(({ usage }) => usage.prompt_tokens_details.cached_tokens)).toEqual([0, cached, 0]);
  expect(cached).toBeGreaterThan(0);
  expect(answers[0]).toMatchObject({ id: expect.stringMatching(/^embd-[0-9a-f]{32}$/), system_fingerprint: 'fp_test' });
});

test('embeddings share steps with completions, whose ids they leave as they are', async () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  await using other = await startTestServer({ runner });
  const completion = { prompt: 'Once upon a time', max_tokens: 30, seed: 3, return_token_ids: true };
  const idsIn = async (response: Response) => (await bodyOf(response)).choices[0].token_ids;
  const alone = await idsIn(await other.post('/v1/completions', completion));
  const running = other.post('/v1/completions', completion).then(idsIn);
  const vectors = await Promise.all(
    Array.from({ length: 12 }, () => other.post('/v1/embeddings', { input: TEXTS }).then(bodyOf)),
  );
  expect(await running).toEqual(alone);
  for (const { data } of vectors) {
    expect(data.map(({ embedding }: { embedding: number[] }) => embedding)).toEqual(want);
  }
  const metrics = await (await fetch(`${other.url}/metrics`)).text();
  expect(metrics).toMatch(/vllm:request_success_total\{finished_reason="stop".*\} 3[6-8]\n/);
});

describe('a call ends without vectors', () => {
  test('when its caller leaves: nothing of it runs on', async () => {
    const runner = new HeldRunner(SERVER_LIMITS);
    await using other = await startTestServer({ runner });
    const controller = new AbortController();
    const { signal } = controller;
    const left = fetch(`${other.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: TEXTS }),
      signal,
    }).catch((error: unknown) => error);
    await heldStep(runner);
    expect(other.server.numChoices).toBe(3);
    controller.abort();
    await left;
    while (other.server.numChoices > 0) await setImmediate();
    runner.settle();
  });

  test('when it takes longer than a call may', async () => {
    const runner = new HeldRunner(SERVER_LIMITS);
    await using other = await startTestServer({ runner, options: { requestTimeout: 0.05 } });
    const late = other.post('/v1/embeddings', { input: TEXTS });
    await heldStep(runner);
    const response = await late;
    expect(response.status).toBe(504);
    expect((await bodyOf(response)).error.code).toBe('deadline_exceeded');
    runner.settle();
  });

  test('when its step fails or its hidden states are not finite', async () => {
    const faults = [
      () => Promise.reject(new Error('step failed')),
      async <R extends object>(result: R) => ({
        ...result,
        embeddings: [Float32Array.of(1, Number.POSITIVE_INFINITY)],
      }),
    ];
    for (const fault of faults) {
      await using other = await startTestServer({ runner: new FaultyRunner(0, fault, SERVER_LIMITS) });
      const response = await other.post('/v1/embeddings', { input: 'a' });
      expect(response.status).toBe(500);
      expect((await bodyOf(response)).error.code).toBe('generation_failed');
      expect((await other.post('/v1/embeddings', { input: 'a' })).status).toBe(200);
    }
  });

  test('when the queue is full, or could never hold its inputs', async () => {
    const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 2 });
    await using other = await startTestServer({ runner, engine: { maxQueuedRequests: 2 } });
    const first = other.post('/v1/embeddings', { input: TEXTS });
    await heldStep(runner);
    const full = await other.post('/v1/embeddings', { input: TEXTS });
    expect(full.status).toBe(429);
    expect(full.headers.get('retry-after')).toBe('1');
    const never = await other.post('/v1/embeddings', { input: Array(5).fill('a') });
    expect(never.status).toBe(400);
    expect((await bodyOf(never)).error).toMatchObject({
      param: 'input',
      message: 'number of inputs is 5, expected at most 4, as batch and queue hold no more',
    });
    let isOver = false;
    const over = first.then((response) => {
      isOver = true;
      return response.status;
    });
    while (!isOver) {
      runner.settle();
      await setImmediate();
    }
    expect(await over).toBe(200);
  });

  test('when it has more tokens, or more numbers to write, than one call may', async () => {
    await using other = await startTestServer({ options: { maxBody: 10_000_000 } });
    const long = Array(2048).fill(Array(200).fill(1));
    const response = await other.post('/v1/embeddings', { input: long, encoding_format: 'base64' });
    expect(response.status).toBe(400);
    expect((await bodyOf(response)).error).toMatchObject({ param: 'input', message: /262144 tokens/ });
  });
});
