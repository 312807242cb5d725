// The benchmark of HTTP: its figures on a server whose times are known, and its processes.
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { measureProcessor, measureThroughput, measureTtft } from '../../bench/serving/http-costs.ts';
import type { EngineRun } from '../../bench/serving/server-job.ts';
import { ServerProcess } from '../../bench/serving/server-process.ts';
import { systemClock } from '../../src/core/clock.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { chunk, sendEvents, startStub } from '../support/server/stub-server.ts';

const { signal } = new AbortController();
const options = { streams: 2, maxTokens: 4, rounds: 3, clock: systemClock, signal, onProgress: () => {} };

/** Milliseconds that the stub takes for its first token, of which it says that its engine took 5. */
const DELAY = 30;

async function startSlow() {
  const stub = await startStub({
    '/v1/completions': async ({ body }, response) => {
      await setTimeout(DELAY);
      const timeline = [{ kind: 'prefill', start: 0, end: 5 }];
      const usage = { prompt_tokens: 16, completion_tokens: body.max_tokens };
      sendEvents(response, [chunk('a'), chunk('', { finish_reason: 'length', timeline }), { choices: [], usage }]);
      response.end();
    },
  });
  let milliseconds = 0;
  const prompts: string[] = [];
  return {
    stub,
    prompts,
    server: { url: stub.url, dtype: null, vocabSize: 100 },
    run: async (batch: { readonly prompts: readonly (readonly number[])[] }): Promise<EngineRun> => {
      prompts.push(...batch.prompts.map(String));
      return { elapsed: 10, ttfts: batch.prompts.map(() => 6) };
    },
    // Twelve more at each reading, two of which a turn has.
    processorTime: async () => {
      milliseconds += 12;
      return milliseconds;
    },
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
}

test('the time to the first token is compared with that of the engine for the same request', async () => {
  await using slow = await startSlow();
  const { engine, client, difference } = await measureTtft(slow, 3, options);
  expect(engine).toBe(6);
  // A timer may end a little early.
  expect(client).toBeGreaterThan(DELAY - 2);
  expect(difference).toBeCloseTo((client ?? 0) - 5, 6);
  // One request warms up; the engine and HTTP get the same prompts.
  const sent = slow.stub.calls.map(({ body }) => String(body.prompt));
  expect(sent).toEqual(slow.prompts);
  expect(new Set(sent).size).toBe(4);
});

test('tokens per second and processor time are those of the turns, for each token', async () => {
  await using slow = await startSlow();
  const { engine, http, ratio } = await measureThroughput(slow, options);
  expect(engine).toBe((2 * 4) / 0.01);
  expect(http).toBeLessThan((2 * 4) / ((DELAY - 2) / 1000));
  expect(ratio).toBeCloseTo((http ?? 0) / (engine ?? 1), 6);
  const processor = await measureProcessor(slow, options);
  expect(processor).toMatchObject({ engine: 12_000 / 8, server: 12_000 / 8, difference: 0 });
  expect(processor.client).toBeGreaterThan(0);
});

test('a process serves steps that compute nothing, and the engine of it runs alone', async () => {
  await using server = await ServerProcess.start({ model: null, maxBatchSize: 2 }, signal);
  const processor = await measureProcessor(server, { ...options, rounds: 1 });
  expect(processor.engine).toBeGreaterThan(0);
  expect(processor.server).toBeGreaterThan(0);
  await expect(server.run({ prompts: [[99_999]], maxTokens: 1 })).rejects.toThrow(/99999.*expected/);
  // It lives on, until it is ended.
  expect(await server.run({ prompts: [[1]], maxTokens: 1 })).toMatchObject({ ttfts: [expect.any(Number)] });
  await server[Symbol.asyncDispose]();
  await expect(server.processorTime()).rejects.toThrow();
});

test('a process ends with its signal, and what waits for it ends with the reason', async () => {
  const stop = new AbortController();
  await using server = await ServerProcess.start({ model: null, maxBatchSize: 1 }, stop.signal);
  const running = server.run({ prompts: [[1]], maxTokens: 1000 });
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(running).rejects.toBe(reason);
  await expect(ServerProcess.start({ model: null, maxBatchSize: 1 }, stop.signal)).rejects.toBe(reason);
});

test('node bench/http.ts prints all costs, and a line for a model that is none', () => {
  const few = ['--num-requests', '2', '--rounds', '1', '--streams', '2', '--max-new-tokens', '4'];
  const { status, stdout } = runNode(['bench/http.ts', ...few]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^weights\/tales \(f16\), 4 tokens a request, 1 rounds?\n/);
  expect(stdout).toMatch(/\nTTFT of one request at a time, p50 \(ms\) +[\d.]+ +[\d.]+ +-?[\d.]+\n/);
  expect(stdout).toMatch(/\ntokens\/s at 2 streams +[\d.]+ +[\d.]+ +[\d.]+\n/);
  const missing = runNode(['bench/http.ts', '--model', 'no/such', ...few]);
  expect(missing.status).toBe(1);
  expect(errorsIn(missing.stderr)).toEqual([expect.stringContaining('no/such')]);
});
