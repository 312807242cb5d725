// Defects that the server of the Python project had which this one follows; each is a test.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';
import { EOS, HeldRunner, promptThatStops, ScriptedRunner } from '../support/engine/test-runners.ts';
import {
  SERVER_LIMITS,
  startTestServer,
  type TestServer,
  talesTokenizer as tokenizer,
} from '../support/server/test-server.ts';

const messages = [{ role: 'user', content: 'Who came?' }];
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server[Symbol.asyncDispose]());

async function json(path: string, body: object, from = server) {
  const response = await from.post(path, body);
  return JSON.parse(await response.text());
}

test('a call that leaves out max_tokens and temperature is answered', async () => {
  const { choices, usage } = await json('/v1/chat/completions', { model: 'tales', messages });
  expect(['stop', 'length']).toContain(choices[0].finish_reason);
  expect(usage.completion_tokens).toBeGreaterThan(0);
  expect(await json('/generate', { prompt: 'Once' })).toEqual({ text: expect.any(String) });
});

test('defaults of /generate are 64 tokens, the most likely ones, up to the eos', async () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  await using own = await startTestServer({ runner });
  await json('/generate', { prompt: 'Once' }, own);
  const rows = runner.plans.flatMap(({ samplingRows }) => samplingRows);
  expect(rows.length).toBeLessThanOrEqual(64);
  expect(new Set(rows.map(({ temperature }) => temperature))).toEqual(new Set([0]));
  await json('/generate', { prompt: 'Once', do_sample: true, max_new_tokens: 1, top_k: 5 }, own);
  expect(runner.plans.at(-1)?.samplingRows[0]).toMatchObject({ temperature: 1, topK: 5 });
});

test('an answer is the completion alone, without its prompt, whole as in a stream', async () => {
  const promptIds = tokenizer.encode('User: Who came?\nAssistant:');
  const ids = fakeCompletion({ promptIds, seed: 3, maxTokens: 5, eosIds: tokenizer.eosIds, vocabSize: 8192 });
  const text = tokenizer.decode(ids, { skipSpecialTokens: true });
  const call = { messages, max_tokens: 5, seed: 3 };
  expect((await json('/v1/chat/completions', call)).choices[0].message.content).toBe(text);
  const plain = { prompt: 'User: Who came?\nAssistant:', max_new_tokens: 5, seed: 3, do_sample: true };
  expect(await json('/generate', plain)).toEqual({ text });
  expect(await (await server.post('/generate', { ...plain, stream: true })).text()).toBe(text);
});

test('the reason is length at the limit and stop at the eos', async () => {
  const { promptIds, sampling } = promptThatStops();
  const reasonOf = async (maxTokens: number) => {
    const call = { prompt: promptIds, seed: sampling.seed, max_tokens: maxTokens };
    return (await json('/v1/completions', call)).choices[0].finish_reason;
  };
  expect([await reasonOf(12), await reasonOf(2)]).toEqual(['stop', 'length']);
});

test('a stream does not spell the eos', async () => {
  const [a, b] = tokenizer.encode(' cat sat');
  await using own = await startTestServer({ runner: new ScriptedRunner([a!, b!, EOS]) });
  const call = { prompt: [1], max_tokens: 8 };
  const whole = await json('/v1/completions', call, own);
  expect(whole.choices[0]).toMatchObject({ text: ' cat sat', finish_reason: 'stop' });
  const stream = await (await own.post('/v1/completions', { ...call, stream: true })).text();
  expect(stream).not.toContain('<|endoftext|>');
});

test('calls that are not streamed share steps with those that are', async () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  await using own = await startTestServer({ runner });
  const call = { prompt: 'Once', max_tokens: 30, ignore_eos: true };
  await Promise.all([
    own.post('/v1/completions', { ...call, stream: true }).then((response) => response.text()),
    json('/v1/completions', call, own),
    json('/generate', { prompt: 'Once', max_new_tokens: 30, stop_on_eos: false }, own),
  ]);
  expect(Math.max(...runner.plans.map(({ numSequences }) => numSequences))).toBe(3);
});

test('a client that leaves ends its call, and nothing is kept of calls that have ended', async () => {
  const runner = new HeldRunner(SERVER_LIMITS);
  await using own = await startTestServer({ runner });
  const abort = new AbortController();
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 100 });
  const call = fetch(`${own.url}/v1/completions`, { method: 'POST', headers, body, signal: abort.signal });
  await expect.poll(() => runner.numHeld).toBeGreaterThan(0);
  expect(own.server.numChoices).toBe(1);
  abort.abort();
  await expect(call).rejects.toThrow();
  // Its blocks are free although its step is still on the device.
  await expect.poll(() => own.server.numChoices).toBe(0);
  const release = setInterval(() => runner.settle(), 1);
  await own.server.close();
  clearInterval(release);
});

test('a failing step fails its own calls, and the server goes on', async () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  await using own = await startTestServer({ runner });
  runner.isBroken = () => true;
  const failed = await own.post('/v1/completions', { prompt: 'Once' });
  expect(failed.status).toBe(500);
  expect(JSON.parse(await failed.text()).error).toMatchObject({ type: 'server_error', code: 'generation_failed' });
  runner.isBroken = () => false;
  expect((await own.post('/v1/completions', { prompt: 'Once' })).status).toBe(200);
});
