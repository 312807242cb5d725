// Numbers of an open-loop run, by hand from arrivals and token times, in the form of vLLM's benchmark.
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../bench/open-loop/admit.ts';
import { openLoopJson } from '../../../bench/open-loop/json-report.ts';
import { reportOpenLoop } from '../../../bench/open-loop/report.ts';
import type { OpenLoopRun } from '../../../bench/open-loop/run-open-loop.ts';
import { formatOpenLoop } from '../../../bench/open-loop/text-report.ts';
import { type TestResponse, testResponse } from '../runs.ts';

const ended = (start: number, response: TestResponse): Outcome => ({ start, response: testResponse(response) });

function run(requests: readonly Outcome[], end: number): OpenLoopRun {
  return { mode: 'online', start: 1000, end, outcomes: requests, requests: [], steps: [] };
}

/** Run of 4 seconds: two complete requests, one that failed after a token, and one that was rejected. */
const mixed = run(
  [
    ended(1000, { arrival: 1010, promptTokens: 10, tokenTimes: [1100, 1200, 1500], end: 1500 }),
    ended(2000, { arrival: 2000, promptTokens: 30, tokenTimes: [2300], end: 2300 }),
    ended(2100, { promptTokens: 50, tokenTimes: [2200], finishReason: 'error', error: 'no logits', end: 2250 }),
    { start: 2200, response: null, refusal: 'request 3 would make 9 requests wait, expected at most 8' },
  ],
  5000,
);

describe('reportOpenLoop', () => {
  test('counts tokens, rates and latencies of completed requests, from when they were due', () => {
    expect(reportOpenLoop(mixed, { ttft: 200, tpot: 200 })).toMatchObject({
      duration: 4,
      completed: 2,
      failed: 1,
      rejected: 1,
      inputTokens: 40,
      outputTokens: 4,
      requestThroughput: 0.5,
      outputThroughput: 1,
      totalThroughput: 11,
      // The second request took 300 ms to its first token.
      goodput: 0.25,
      latencies: {
        ttft: { mean: 200, median: 200, std: 100, p99: 100 + 0.99 * 200 },
        tpot: { mean: 200, median: 200, std: 0, p99: 200 },
        itl: { mean: 200, median: 200, std: 100, p99: 100 + 0.99 * 200 },
        e2el: { mean: 400, median: 400, std: 100, p99: 300 + 0.99 * 200 },
      },
    });
  });

  test('finds the busiest second, and the most requests that were there at a time', () => {
    // Seconds from 1000 on hold 3, 2, 0, 0 tokens; requests 1 and 2 overlap, and the rejected one was never in flight.
    expect(reportOpenLoop(mixed, undefined)).toMatchObject({
      peakOutputThroughput: 3,
      peakConcurrency: 2,
      goodput: null,
    });
    const relay = run([ended(1000, { end: 1500 }), ended(1500, { arrival: 1500, end: 1600 })], 2000);
    expect(reportOpenLoop(relay, undefined).peakConcurrency).toBe(1);
  });

  test('has null where there is no sample', () => {
    const nothing = run([{ start: 1000, response: null, refusal: 'full' }], 1500);
    expect(reportOpenLoop(nothing, {})).toMatchObject({
      completed: 0,
      requestThroughput: null,
      goodput: null,
      outputThroughput: null,
      totalThroughput: null,
      peakOutputThroughput: null,
      latencies: { ttft: null, tpot: null, itl: null, e2el: null },
    });
  });

  test.each(['error', 'abort'] as const)(
    'keeps a request that ended with %s out of every rate, peaks too',
    (finishReason) => {
      const completed = [ended(1000, { arrival: 1000, tokenTimes: [1100, 1300], end: 1300 })];
      const failed = ended(1000, { arrival: 1000, tokenTimes: [1101, 1102, 1103], finishReason, end: 1200 });
      const [got, want] = [run([...completed, failed], 3000), run(completed, 3000)].map((each) => {
        const { requests: _, failed: __, peakConcurrency: ___, ...figures } = reportOpenLoop(each, { e2e: 500 });
        return figures;
      });
      expect(got).toEqual(want);
      expect(got?.peakOutputThroughput).toBe(2);
    },
  );

  test('has a goodput of 0 without a good request, and none without a completed one', () => {
    const slow = run([ended(1000, { arrival: 1000, tokenTimes: [2000] })], 2000);
    expect(reportOpenLoop(slow, { ttft: 1 }).goodput).toBe(0);
    expect(formatOpenLoop(reportOpenLoop(run([], 1000), { ttft: 1 }), { mode: 'online' })).toMatch(
      /goodput \(req\/s\): +-/,
    );
  });

  test('has no rate where no time passed, in JSON and in text', () => {
    const instant = run([ended(1000, { arrival: 1000, tokenTimes: [1000] })], 1000);
    const report = reportOpenLoop(instant, { ttft: 1 });
    expect(openLoopJson(report, {})).toMatchObject({
      duration: 0,
      completed: 1,
      request_throughput: null,
      request_goodput: null,
      output_throughput: null,
      total_token_throughput: null,
      mean_ttft_ms: 0,
      mean_tpot_ms: null,
    });
    expect(formatOpenLoop(report, { mode: 'online' })).toMatch(/Request throughput \(req\/s\): +- *\n/);
  });

  test('takes no more memory for a run of years', () => {
    const years = 1e12;
    const long = run([ended(1000, { arrival: 1000, tokenTimes: [years, years + 1] })], years + 1);
    expect(reportOpenLoop(long, undefined).peakOutputThroughput).toBe(2);
  });
});

describe('openLoopJson', () => {
  test("has the names and units of vLLM's serving benchmark", () => {
    const report = reportOpenLoop(mixed, { e2e: 1000 });
    expect(openLoopJson(report, { 'request-rate': 'inf', 'max-concurrency': 4 })).toEqual({
      num_prompts: 4,
      request_rate: 'inf',
      burstiness: 1,
      max_concurrency: 4,
      duration: 4,
      completed: 2,
      failed: 1,
      rejected: 1,
      total_input_tokens: 40,
      total_output_tokens: 4,
      request_throughput: 0.5,
      request_goodput: 0.5,
      output_throughput: 1,
      total_token_throughput: 11,
      max_output_tokens_per_s: 3,
      max_concurrent_requests: 2,
      mean_ttft_ms: 200,
      median_ttft_ms: 200,
      std_ttft_ms: 100,
      p99_ttft_ms: 298,
      mean_tpot_ms: 200,
      median_tpot_ms: 200,
      std_tpot_ms: 0,
      p99_tpot_ms: 200,
      mean_itl_ms: 200,
      median_itl_ms: 200,
      std_itl_ms: 100,
      p99_itl_ms: 298,
      mean_e2el_ms: 400,
      median_e2el_ms: 400,
      std_e2el_ms: 100,
      p99_e2el_ms: 498,
      input_lens: [10, 30, 50, 0],
      output_lens: [3, 1, 1, 0],
      start_times: [0, 1, 1.1, 1.2],
      ttfts: [0.1, 0.3, 0.1, null],
      itls: [[0.1, 0.3], [], [], []],
      latencies: [0.5, 0.3, 0.15, null],
      statuses: ['completed', 'completed', 'failed', 'rejected'],
      errors: ['', '', 'no logits', 'request 3 would make 9 requests wait, expected at most 8'],
    });
  });
});

describe('formatOpenLoop', () => {
  test("has the rows of vLLM's serving benchmark, and a dash where there is no sample", () => {
    const single = run([ended(1000, { promptTokens: 7, tokenTimes: [1200], end: 1200 })], 2000);
    const text = formatOpenLoop(reportOpenLoop(single, { ttft: 500 }), {
      mode: 'online',
      'request-rate': 2,
      'max-concurrency': 3,
    });
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      '============ Serving Benchmark Result ============',
      'Scheduler:                               online',
      'Successful requests:                     1',
      'Failed requests:                         0',
      'Rejected requests:                       0',
      'Maximum request concurrency:             3',
      'Request rate configured (RPS):           2',
      'Benchmark duration (s):                  1.00',
      'Total input tokens:                      7',
      'Total generated tokens:                  1',
      'Request throughput (req/s):              1.00',
      'Request goodput (req/s):                 1.00',
      'Output token throughput (tok/s):         1.00',
      'Peak output token throughput (tok/s):    1.00',
      'Peak concurrent requests:                1.00',
      'Total token throughput (tok/s):          8.00',
      '-------------- Time to First Token ---------------',
      'Mean TTFT (ms):                          200.00',
      'Median TTFT (ms):                        200.00',
      'P99 TTFT (ms):                           200.00',
      '---- Time per Output Token (excl. 1st token) -----',
      'Mean TPOT (ms):                          -',
      'Median TPOT (ms):                        -',
      'P99 TPOT (ms):                           -',
      '-------------- Inter-token Latency ---------------',
      'Mean ITL (ms):                           -',
      'Median ITL (ms):                         -',
      'P99 ITL (ms):                            -',
      '--------------- End-to-end Latency ---------------',
      'Mean E2EL (ms):                          200.00',
      'Median E2EL (ms):                        200.00',
      'P99 E2EL (ms):                           200.00',
      '==================================================',
    ]);
    expect(text.split('\n')[1]).toHaveLength(51);
  });
});
