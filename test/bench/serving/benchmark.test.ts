// The benchmark against servers: ours without a GPU, and stubs in the shape of others.
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemWaitingClock as clock } from '../../../bench/load/waiting-clock.ts';
import { servingScript } from '../../../bench/serving/args.ts';
import { benchmarkServer } from '../../../bench/serving/benchmark.ts';
import { HttpClient } from '../../../bench/serving/http-client.ts';
import { identifyServer } from '../../../bench/serving/identify-server.ts';
import { servingJson } from '../../../bench/serving/json-report.ts';
import { judgeServing } from '../../../bench/serving/judge-serving.ts';
import { reportServing } from '../../../bench/serving/report.ts';
import type { ServingRun } from '../../../bench/serving/run-serving.ts';
import { formatServing } from '../../../bench/serving/text-report.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';
import { HeldRunner } from '../../support/engine/test-runners.ts';
import {
  chunk,
  type StubHandler,
  type StubServer,
  sendEvents,
  sendJson,
  startStub,
} from '../../support/server/stub-server.ts';
import { SERVER_LIMITS, startTestServer } from '../../support/server/test-server.ts';
import { argsOf } from '../args-of.ts';

const { signal } = new AbortController();

async function bench(url: string, line: string, { key, abort = signal }: { key?: string; abort?: AbortSignal } = {}) {
  const args = argsOf(servingScript, '--url', url, ...line.split(' ').filter(Boolean));
  using client = new HttpClient({ url: args.url, key, timeoutSeconds: args.timeout, clock, signal: abort });
  const identity = await identifyServer(client, args.url, args.model);
  const partial: ServingRun[] = [];
  const lines: string[] = [];
  const options = {
    client,
    identity,
    clock,
    dataset: null,
    signal: abort,
    onProgress: (text: string) => lines.push(text),
  };
  const run = await benchmarkServer(args, { ...options, onInterrupted: (each) => partial.push(each) });
  const report = reportServing(run, args.goodput);
  const problems = judgeServing(run, report, args);
  const origin = { identity, args, commit: null, isPartial: false, problems };
  const json: ReturnType<typeof servingJson> = JSON.parse(JSON.stringify(servingJson(report, origin)));
  return { run, report, problems, json, identity, text: formatServing(report, identity, args), lines };
}

/** A runner that takes a turn of the timers for a step. */
class SlowRunner extends FakeRunner {
  override async execute(plan: Parameters<FakeRunner['execute']>[0]) {
    const result = this.compute(plan);
    await setTimeout(2);
    return result;
  }
}

describe('our own server', () => {
  test('answers all requests, and its numbers agree with the flags, its metrics and its timelines', async () => {
    await using server = await startTestServer({ runner: new SlowRunner(SERVER_LIMITS) });
    const load =
      '--request-rate 200 --burstiness 0.5 --num-requests 12 --input-len 20 --output-len 9 --timeline --goodput ttft:60000';
    const { run, report, problems, json, text, identity, lines } = await bench(server.url, load);
    expect(problems).toEqual([]);
    expect(identity).toMatchObject({ engine: 'roseinfer', model: 'tales', fingerprint: 'fp_test', vocabSize: 8192 });
    expect(report.load).toMatchObject({ completed: 12, failed: 0, rejected: 0, inputTokens: 240, outputTokens: 108 });
    expect(report.load.requests.every(({ itls }) => itls.length <= 8)).toBe(true);
    expect(report.prefill).toEqual({ cachedTokens: 0, promptTokens: 240, source: 'usage' });
    // The client's clock has the way to the server and back in it, so that it is never ahead.
    const { ttft, offsets } = report.clocks;
    expect(ttft.server).toBeGreaterThan(0);
    expect(ttft.client).toBeGreaterThan(ttft.server ?? 0);
    expect(offsets.ttft?.median).toBeGreaterThan(0);
    expect(run.requests.map(({ completion }) => completion.timeline?.length ?? 0)).toEqual(
      Array(12).fill(expect.any(Number)),
    );
    expect(json).toMatchObject({
      schema: 'roseinfer-serving-1',
      backend: 'openai',
      model_id: 'tales',
      engine: 'roseinfer',
      request_rate: 200,
      burstiness: 0.5,
      completed: 12,
      total_output_tokens: 108,
      request_goodput: json.request_throughput,
      failures: {},
      computed_prefill: { cached_tokens: 0, prompt_tokens: 240, source: 'usage' },
      server: { processor_us_per_token: expect.any(Number) },
    });
    expect(text).toMatch(/^=+ Serving Benchmark Result =+\nEngine: +roseinfer \S+ *\nModel: +tales/);
    expect(text).toMatch(/Prompt tokens from a cache: +0 of 240, by usage/);
    expect(lines).toContain('8 calls to warm the server up');
    expect(lines.at(-1)).toBe('12 of 12 requests have ended');
  });

  test('has no prompt in its cache that it was sent before, unless that is wanted', async () => {
    await using server = await startTestServer();
    const same =
      '--prompt Once-upon-a-time-there-was-a-king-who-had-no-crown-and-no-shoes --num-requests 6 --max-concurrency 1 --max-new-tokens 3';
    for (let i = 0; i < 2; i++) {
      expect(await bench(server.url, same)).toMatchObject({ problems: [], report: { prefill: { cachedTokens: 0 } } });
    }
    const { problems, report } = await bench(server.url, `${same} --prefix-cache`);
    expect(problems).toEqual([]);
    expect(report.prefill.cachedTokens).toBeGreaterThan(5 * 8);
  });

  test('answers chats, and wants a key where it has one', async () => {
    await using server = await startTestServer({ options: { keys: ['sesame'] } });
    const chat = '--endpoint chat --num-requests 3 --max-new-tokens 4 --ignore-eos --do-sample --top-k 3 --min-p 0.01';
    const { report, json } = await bench(server.url, chat, { key: 'sesame' });
    expect(report.load).toMatchObject({ completed: 3, outputTokens: 12 });
    expect(json.backend).toBe('openai-chat');
    await expect(bench(server.url, chat)).rejects.toThrow(
      /expected a server of OpenAI's API; at \/v1\/models the server answers 401/,
    );
  });

  test('rejects what its queue has no room for, which is counted by reason and no fault', async () => {
    const runner = new SlowRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
    await using server = await startTestServer({ runner, engine: { maxQueuedRequests: 1 } });
    const { report, problems, text, json } = await bench(server.url, '--num-requests 6 --input-len 4 --output-len 20');
    expect(report.load.completed + report.load.rejected).toBe(6);
    expect(report.load.rejected).toBeGreaterThan(0);
    expect(problems).toEqual([]);
    expect(report.failures).toEqual({ '429 queue_full': report.load.rejected });
    expect(text).toMatch(/Failed and Rejected by Reason -+\n429 queue_full: +\d/);
    expect(json.statuses.filter((status) => status === 'rejected')).toHaveLength(report.load.rejected);
  });

  test('that ends in the midst leaves a line a request, and the numbers of the others', async () => {
    const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
    const server = await startTestServer({ runner });
    const release = setInterval(() => runner.settle(), 1);
    const benching = bench(server.url, '--num-requests 3 --input-len 4 --output-len 30 --warmup 1');
    await expect.poll(() => server.server.engine.stats.generatedTokens).toBeGreaterThan(40);
    await server[Symbol.asyncDispose]();
    clearInterval(release);
    const { report, problems } = await benching;
    expect(report.load.completed).toBeGreaterThan(0);
    expect(problems.length).toBe(3 - report.load.completed);
    expect(problems[0]).toMatch(
      /^request \d failed: (the stream ended with an error|the connection ended early|the server answers 503)/,
    );
  });

  test('that is left by the client has a partial run', async () => {
    await using server = await startTestServer({ runner: new SlowRunner(SERVER_LIMITS) });
    const leave = new AbortController();
    const reason = new Error('left');
    const benching = bench(server.url, '--num-requests 4 --input-len 4 --output-len 200', { abort: leave.signal });
    await expect.poll(() => server.server.engine.stats.generatedTokens).toBeGreaterThan(20);
    leave.abort(reason);
    await expect(benching).rejects.toBe(reason);
    await expect.poll(() => server.server.engine.stats.numRunning).toBe(0);
  });

  test('is refused by name for another model, and a prompt that is too long', async () => {
    await using server = await startTestServer();
    await expect(bench(server.url, '--model gpt-9')).rejects.toThrow(
      'a call to warm the server up failed: the server answers 404: model is "gpt-9", expected "tales"',
    );
    await expect(bench(server.url, '--input-len 999')).rejects.toThrow(
      '--input-len is 999, expected at most 255, for a context of 256 tokens',
    );
  });
});

describe('another server', () => {
  const models: StubHandler = (_, response) =>
    sendJson(response, { object: 'list', data: [{ id: 'm', owned_by: 'vllm', max_model_len: 64 }] });
  const usage = (fields: object = {}) => ({
    choices: [],
    usage: { prompt_tokens: 8, completion_tokens: 2, ...fields },
  });
  const whole = [chunk('a'), chunk('b', { finish_reason: 'length' })];
  const answering =
    (events: readonly (object | string)[]): StubHandler =>
    (_, response) => {
      sendEvents(response, events);
      response.end();
    };
  const stub = (completions: StubHandler, others: Readonly<Record<string, StubHandler>> = {}): Promise<StubServer> =>
    startStub({ '/v1/models': models, '/v1/completions': completions, ...others });
  const LOAD = '--num-requests 2 --input-len 8 --output-len 2 --vocab-size 100';

  test('is named by the owner of its models, or not at all', async () => {
    await using server = await stub(answering([]), {
      '/version': (_, response) => sendJson(response, { version: '0.15.1' }),
    });
    const url = new URL(server.url);
    using client = new HttpClient({ url, key: undefined, timeoutSeconds: 5, clock, signal });
    expect(await identifyServer(client, url, undefined)).toEqual({
      engine: 'vllm',
      version: '0.15.1',
      ownedBy: 'vllm',
      model: 'm',
      fingerprint: null,
      maxModelLen: 64,
      vocabSize: null,
    });
    await using other = await startStub({
      '/v1/models': (_, response) => sendJson(response, { data: [{ id: 'x', owned_by: 'library' }] }),
      '/v1/completions': answering([...whole, usage({ prompt_tokens_details: { cached_tokens: 0 } })]),
    });
    const { text, identity } = await bench(other.url, '--num-requests 1');
    expect(identity).toMatchObject({ engine: 'unknown', version: null, ownedBy: 'library' });
    expect(text).toMatch(/Engine: +unknown, of library/);
  });

  test('gets parameters of the API alone, and ids that are new', async () => {
    await using server = await stub(
      answering([...whole, usage({ prompt_tokens_details: { cached_tokens: 0 } }), '[DONE]']),
    );
    const { problems } = await bench(server.url, `${LOAD} --warmup 0`, { key: 'k' });
    expect(problems).toEqual([]);
    const [first, second] = server.calls.filter(({ path }) => path === '/v1/completions');
    expect(first?.body).toEqual({
      model: 'm',
      prompt: expect.any(Array),
      max_tokens: 2,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(first?.body.prompt).toHaveLength(8);
    expect(first?.body.prompt?.slice(0, 4)).not.toEqual(second?.body.prompt?.slice(0, 4));
    expect(first?.authorization).toBe('Bearer k');
  });

  test('that says nothing of its cache is believed by its metrics, and else refused', async () => {
    await using silent = await stub(answering([...whole, usage()]));
    const { problems, text } = await bench(silent.url, LOAD);
    expect(problems).toEqual([expect.stringContaining('does not say which tokens of prompts it computed')]);
    expect(text).toMatch(/Prompt tokens from a cache: +unknown/);
    expect((await bench(silent.url, `${LOAD} --prefix-cache`)).problems).toEqual([]);
    const metrics =
      (hits: (index: number) => number): StubHandler =>
      (call, response) =>
        response.end(`vllm:prefix_cache_hits_total{model_name="m"} ${hits(call.index)}\n`);
    await using honest = await stub(answering([...whole, usage()]), { '/metrics': metrics(() => 7) });
    expect(await bench(honest.url, LOAD)).toMatchObject({
      problems: [],
      report: { prefill: { cachedTokens: 0, source: 'metrics' } },
    });
    await using caching = await stub(answering([...whole, usage()]), { '/metrics': metrics((index) => 16 * index) });
    expect((await bench(caching.url, LOAD)).problems).toEqual([
      expect.stringContaining('16 of 16 tokens of prompts came from a cache by metrics'),
    ]);
  });

  test('that cuts prompts is found out', async () => {
    await using server = await stub(
      answering([...whole, usage({ prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 0 } })]),
    );
    const { problems } = await bench(server.url, LOAD);
    expect(problems[0]).toBe('request 0 has 5 tokens of its prompt computed, expected 8: the server cut it');
  });

  test.each<[string, StubHandler, string]>([
    ['has no usage', answering(whole), 'a call to warm the server up failed: the stream has no usage'],
    [
      'does not stream',
      (_, response) => sendJson(response, { choices: [] }),
      'a call to warm the server up failed: the answer is "application/json"',
    ],
    [
      'refuses',
      (_, response) => sendJson(response, { message: 'no' }, 400),
      'a call to warm the server up failed: the server answers 400: no',
    ],
  ])('that %s is refused before the run', async (_, handler, message) => {
    await using server = await stub(handler);
    await expect(bench(server.url, LOAD)).rejects.toThrow(message);
  });

  test('whose streams break has each counted, and no more waits', async () => {
    const good = answering([...whole, usage({ prompt_tokens_details: { cached_tokens: 0 } })]);
    const broken: StubHandler = (call, response) => {
      if (call.index % 3 === 0) return good(call, response);
      sendEvents(response, [chunk('a')]);
      if (call.index % 3 === 1) return setTimeout(20).then(() => response.destroy());
      // The third kind stays silent.
      return undefined;
    };
    await using server = await stub(broken);
    const { report, problems } = await bench(
      server.url,
      `${LOAD} --num-requests 6 --warmup 0 --timeout 0.3`.replace('--num-requests 2 ', ''),
    );
    expect(report.load).toMatchObject({ completed: 2, failed: 4, outputTokens: 4 });
    expect(report.failures).toEqual({ ECONNRESET: 2, ETIMEDOUT: 2 });
    expect(problems).toHaveLength(4);
  });

  test('that does not say how large its vocabulary is needs a flag for drawn ids', async () => {
    await using server = await stub(answering([]));
    await expect(bench(server.url, '--input-len 8')).rejects.toThrow('expected --vocab-size with it');
  });

  test.each<[string, Readonly<Record<string, StubHandler>>, string]>([
    ['answers otherwise', {}, "expected a server of OpenAI's API; at /v1/models the server answers 404: Not Found"],
    [
      'has no list',
      { '/v1/models': (_, response) => sendJson(response, { models: [] }) },
      'whose /v1/models has no list',
    ],
    [
      'lists nothing',
      { '/v1/models': (_, response) => sendJson(response, { data: [] }) },
      'which lists no model, expected --model',
    ],
  ])('that %s at /v1/models is refused', async (_, handlers, message) => {
    await using server = await startStub(handlers);
    await expect(bench(server.url, '')).rejects.toThrow(message);
  });
});

test('no server at all is a line with its address', async () => {
  await expect(bench('http://127.0.0.1:1', '')).rejects.toThrow(
    '--url is "http://127.0.0.1:1/", which does not answer (ECONNREFUSED), expected a server',
  );
});
