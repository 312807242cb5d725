// Metrics as a scraper reads them, compared with the calls that were made.
import { expect, test } from 'vitest';
import { HeldRunner } from '../support/engine/test-runners.ts';
import { keyOf, parsePrometheus } from '../support/server/prometheus-text.ts';
import { SERVER_LIMITS, startTestServer, type TestServer } from '../support/server/test-server.ts';

/** The values by name and labels, but for the label of the model. */
async function scrape({ url }: TestServer): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const { samples } = parsePrometheus(await response.text());
  return new Map(
    samples.map(({ name, labels, value }) => {
      const others = new Map([...labels].filter(([label]) => label !== 'model_name'));
      return [keyOf({ name, labels: others }), value];
    }),
  );
}

test('are text as a strict scraper takes it, whatever the name of the model', async () => {
  const name = 'a "b" \\ c\nd';
  await using server = await startTestServer({ name });
  await (await server.post('/v1/completions', { prompt: [1, 2], max_tokens: 3, n: 2 })).text();
  const { types, samples } = parsePrometheus(await (await fetch(`${server.url}/metrics`)).text());
  expect(new Set(samples.map(({ labels }) => labels.get('model_name')))).toEqual(new Set([name]));
  expect(new Set(types.values())).toEqual(new Set(['counter', 'gauge', 'histogram']));
  // Prometheus' rules for names.
  for (const [family, type] of types) {
    if (type === 'counter') expect(family).toMatch(/_total$/);
    expect(family).toMatch(/^(vllm:|roseinfer:|process_)[a-z0-9_]+$/);
  }
});

test.each([
  ['a_total 1', 'the last line has no end'],
  ['# HELP a_total A\n# TYPE a_total counter\na_total -1\n', 'counter a_total is -1'],
  ['# HELP a A\n# TYPE a gauge\nb 1\n', 'b stands under a'],
  ['# HELP a A\n# TYPE a gauge\na{b="c\\d"} 1\n', 'no labels'],
  ['# HELP a A\n# TYPE a gauge\na 1\na 1\n', 'a sample comes twice'],
  ['# HELP a A\n# TYPE a gauge\na one\n', 'no sample'],
  ['# HELP a A\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n', 'do not rise'],
  ['# HELP a A\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n', 'no last bucket'],
  ['# HELP a A\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n', 'count of a is 2'],
])('the parser of this test refuses %j', (text, message) => expect(() => parsePrometheus(text)).toThrow(message));

test('count tokens, requests and steps', async () => {
  await using server = await startTestServer();
  const call = { prompt: Array.from({ length: 20 }, (_, index) => index + 1), max_tokens: 6, ignore_eos: true };
  for (let i = 0; i < 2; i++) await (await server.post('/v1/completions', { ...call, n: 2 })).text();
  const values = await scrape(server);
  const expected = {
    'vllm:prompt_tokens_total': 80,
    'vllm:generation_tokens_total': 24,
    'vllm:prefix_cache_queries_total': 80,
    'vllm:request_success_total{finished_reason="length"}': 4,
    'vllm:request_success_total{finished_reason="error"}': 0,
    'vllm:request_generation_tokens_sum': 24,
    'vllm:request_prompt_tokens_count': 4,
    'vllm:request_params_n_sum': 4,
    'vllm:request_params_max_tokens_sum': 12,
    'vllm:time_to_first_token_seconds_count': 4,
    'vllm:inter_token_latency_seconds_count': 20,
    'vllm:e2e_request_latency_seconds_count': 4,
    'vllm:request_queue_time_seconds_count': 4,
    'vllm:num_requests_running': 0,
    'vllm:num_requests_waiting': 0,
    'vllm:kv_cache_usage_perc': 0,
    'vllm:num_preemptions_total': 0,
    'roseinfer:http_requests_total{route="/v1/completions",status="200"}': 2,
  };
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, values.get(name)]))).toEqual(expected);
  expect(values.get('vllm:prefix_cache_hits_total')).toBeGreaterThanOrEqual(3 * 16);
  expect(values.get('vllm:cache_config_info{block_size="4",max_num_seqs="8",num_gpu_blocks="512"}')).toBe(1);
  expect(values.get('roseinfer:event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0);
  expect(values.get('process_resident_memory_bytes')).toBeGreaterThan(2 ** 20);
  const later = await scrape(server);
  const name = 'process_cpu_seconds_total';
  expect(later.get(name)).toBeGreaterThan(values.get(name) ?? Number.POSITIVE_INFINITY);
});

test('show what runs and what waits', async () => {
  const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 2 });
  const server = await startTestServer({ runner });
  const calls = [1, 2, 3].map(() => server.post('/v1/completions', { prompt: [1, 2, 3], max_tokens: 3 }));
  await expect.poll(() => server.server.engine.stats).toMatchObject({ numRunning: 2, numWaiting: 1 });
  const values = await scrape(server);
  expect([values.get('vllm:num_requests_running'), values.get('vllm:num_requests_waiting')]).toEqual([2, 1]);
  expect(values.get('vllm:kv_cache_usage_perc')).toBeGreaterThan(0);
  expect(values.get('roseinfer:connections')).toBeGreaterThan(0);
  const release = setInterval(() => runner.settle(), 1);
  for (const response of await Promise.all(calls)) await response.text();
  await server.server.close();
  clearInterval(release);
});

test('have no label that a caller can choose', async () => {
  await using server = await startTestServer();
  for (const path of ['/a', '/b?x=1', '/v1/models/some-model']) await (await fetch(`${server.url}${path}`)).text();
  const routes = [...(await scrape(server)).keys()].filter((name) => name.startsWith('roseinfer:http_requests_total'));
  expect(routes).toEqual([
    'roseinfer:http_requests_total{route="/*",status="404"}',
    'roseinfer:http_requests_total{route="/v1/models/:id{.+}",status="404"}',
  ]);
});
