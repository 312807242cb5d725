// Numbers of a closed-loop run, by hand from token times: failed requests are in none, and nothing measured is null.
import { describe, expect, test } from 'vitest';
import { reportMode } from '../../../bench/closed-loop/mode-report.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import { testResponse, testRun } from '../runs.ts';

describe('reportMode', () => {
  test('counts ids and prompt tokens, and divides by the time from the start to the last text', () => {
    const responses = [
      testResponse({ promptTokens: 3, tokenTimes: [1100, 1200, 1400] }),
      testResponse({ promptTokens: 5, tokenTimes: [1500] }),
    ];
    expect(reportMode(testRun(responses, { start: 1000, end: 1500 }))).toMatchObject({
      requests: 2,
      elapsed_s: 0.5,
      prompt_tokens: 8,
      completion_tokens: 4,
      throughput_completion: 8,
      throughput_total: 24,
    });
  });

  test('measures each request from the start of the run, whenever its prompt was encoded', () => {
    const responses = [
      testResponse({ arrival: 1010, tokenTimes: [1100, 1200, 1400], end: 1450 }),
      testResponse({ arrival: 1020, tokenTimes: [1300, 1400] }),
    ];
    const report = reportMode(testRun(responses, { start: 1000, end: 1450 }));
    const request = { prompt_tokens: 4, seed: 5, finish_reason: 'length', error: null };
    expect(report.per_request).toEqual([
      { ...request, ids: [1, 2, 3], ttft_ms: 100, tpot_ms: 150, itls_ms: [100, 200], e2e_ms: 450 },
      { ...request, ids: [1, 2], ttft_ms: 300, tpot_ms: 100, itls_ms: [100], e2e_ms: 400 },
    ]);
    expect(report.ttft_ms).toEqual({ mean: 200, p50: 200, p99: 298 });
    expect(report.e2e_ms).toEqual({ mean: 425, p50: 425, p99: 449.5 });
  });

  test('has gaps between tokens apart from their mean per request', () => {
    const responses = [testResponse({ tokenTimes: [100, 200, 400] }), testResponse({ tokenTimes: [100, 600] })];
    const report = reportMode(testRun(responses));
    expect(report.itl_ms).toMatchObject({ mean: (100 + 200 + 500) / 3, p50: 200 });
    expect(report.tpot_ms).toMatchObject({ mean: (150 + 500) / 2, p50: 325 });
  });

  test('has as decode speed the tokens after the first ones over the time from the first token to the last', () => {
    const responses = [testResponse({ tokenTimes: [500, 600, 900] }), testResponse({ tokenTimes: [700, 1500] })];
    expect(reportMode(testRun(responses)).decode_tokens_per_s).toBe(3);
  });

  test('has null where there is no sample', () => {
    const single = reportMode(testRun([testResponse({ tokenTimes: [100] })]));
    expect(single).toMatchObject({ ttft_ms: { mean: 100 }, tpot_ms: null, itl_ms: null, decode_tokens_per_s: null });

    const failed = testResponse({ finishReason: 'error', error: 'no logits', tokenTimes: [10, 20], end: 50 });
    const none = reportMode(testRun([failed]));
    expect(none).toMatchObject({
      requests: 1,
      failed: 1,
      prompt_tokens: 0,
      completion_tokens: 0,
      throughput_completion: null,
      throughput_total: null,
      ttft_ms: null,
      tpot_ms: null,
      itl_ms: null,
      e2e_ms: null,
      decode_tokens_per_s: null,
    });
  });

  test.each([
    ['error', 'no logits', 'no logits'],
    ['abort', 'deadline of 5 ms', 'deadline of 5 ms'],
    ['abort', null, 'abort'],
  ] as const)(
    'keeps a request that ended with %s out of every figure, and has a row of it',
    (finishReason, error, told) => {
      const completed = [testResponse({ tokenTimes: [100, 200, 400] }), testResponse({ tokenTimes: [100, 600] })];
      const failed = testResponse({ promptTokens: 90, finishReason, error, tokenTimes: [5, 900], end: 1000 });
      const within = { start: 0, end: 1000 };
      const { per_request: all, ...report } = reportMode(testRun([...completed, failed], within));
      const { per_request: rows, ...want } = reportMode(testRun(completed, within));
      const counts = { requests: 3, failed: 1 };
      expect(report).toEqual({ ...want, ...counts, rounds: [{ ...want.rounds[0], ...counts }] });
      expect(all).toEqual([
        ...rows,
        {
          prompt_tokens: 90,
          ids: [1, 2],
          seed: 5,
          finish_reason: finishReason,
          error: told,
          ttft_ms: 5,
          tpot_ms: 895,
          itls_ms: [895],
          e2e_ms: 1000,
        },
      ]);
    },
  );

  test('has the figures of every run of the mode beside those of the one that it reports', () => {
    const runs = [[100], [200, 350], [300]].map((tokenTimes) => testRun([testResponse({ tokenTimes })]));
    const { rounds, per_request, ...figures } = reportMode(runs[1]!, runs);
    expect(rounds.map((round) => [round.ttft_ms?.mean, round.elapsed_s])).toEqual([
      [100, 0.1],
      [200, 0.35],
      [300, 0.3],
    ]);
    expect(rounds[1]).toEqual(figures);
    expect(per_request).toMatchObject([{ ttft_ms: 200, itls_ms: [150] }]);
  });

  test('has no rate where no time passed', () => {
    const instant = reportMode(testRun([testResponse({ tokenTimes: [0, 0] })]));
    expect(instant).toMatchObject({
      elapsed_s: 0,
      completion_tokens: 2,
      throughput_completion: null,
      throughput_total: null,
      decode_tokens_per_s: null,
      tpot_ms: { mean: 0 },
    });
  });

  test('sums up as many requests as there are', () => {
    const responses = Array<FinishedRequest>(300_000).fill(testResponse({ tokenTimes: [500, 1000] }));
    expect(reportMode({ mode: 'online', start: 0, end: 1000, responses, steps: [] }).decode_tokens_per_s).toBe(600_000);
  });
});
