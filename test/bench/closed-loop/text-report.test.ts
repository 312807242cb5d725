// Text report of a closed loop, compared with the text that it must print.
import { describe, expect, test } from 'vitest';
import { type ModeReport, reportMode } from '../../../bench/closed-loop/mode-report.ts';
import { formatComparison, formatMode } from '../../../bench/closed-loop/text-report.ts';
import { testResponse, testRun } from '../runs.ts';

const report: ModeReport = {
  requests: 8,
  failed: 0,
  elapsed_s: 1.70823,
  prompt_tokens: 64,
  completion_tokens: 512,
  throughput_completion: 512 / 1.70823,
  throughput_total: 576 / 1.70823,
  decode_tokens_per_s: 321.5,
  ttft_ms: { mean: 12.345, p50: 12, p99: 20.5 },
  tpot_ms: { mean: 3, p50: 3, p99: 3 },
  itl_ms: null,
  e2e_ms: { mean: 1000, p50: 999.999, p99: 1708.23 },
  rounds: [],
  per_request: [],
};

const verdict = { numEqual: 7, numCompared: 8, problems: [] };

describe('formatMode', () => {
  test("has the seed's lines, then the latencies", () => {
    expect(formatMode('naive', report)).toBe(`=== naive ===
Requests: 8
Elapsed: 1.708230 seconds
Prompt tokens: 64
Completion tokens: 512
Total tokens: 576
Throughput (completion): 299.73 tokens/s
Throughput (total): 337.19 tokens/s
TTFT: mean 12.35 ms, p50 12.00 ms, p99 20.50 ms
TPOT: mean 3.00 ms, p50 3.00 ms, p99 3.00 ms
ITL: -
E2E: mean 1000.00 ms, p50 1000.00 ms, p99 1708.23 ms`);
  });

  test('counts failed requests, and has a dash for every figure that does not exist', () => {
    const failed = testResponse({ finishReason: 'error', error: 'no logits', tokenTimes: [0] });
    const lines = formatMode('online', reportMode(testRun([failed, failed]))).split('\n');
    expect(lines).toEqual([
      '=== online ===',
      'Requests: 2',
      'Failed: 2 (in no figure below)',
      'Elapsed: 0.000000 seconds',
      'Prompt tokens: 0',
      'Completion tokens: 0',
      'Total tokens: 0',
      'Throughput (completion): -',
      'Throughput (total): -',
      'TTFT: -',
      'TPOT: -',
      'ITL: -',
      'E2E: -',
    ]);
  });
});

describe('formatComparison', () => {
  test('sets the modes against the naive one', () => {
    const reports = new Map([
      ['naive', report],
      ['offline', { ...report, throughput_completion: 1052.312 }],
      ['online', { ...report, throughput_completion: 66.9 }],
    ]);
    expect(formatComparison(reports, verdict)).toBe(`mode     completion tok/s  × naive
naive              299.73     1.00
offline           1052.31     3.51
online              66.90     0.22
ids equal in all modes: 7/8`);
  });

  test('has no ratio to a naive mode without a speed, and no count where nothing was compared', () => {
    const nothing = { ...report, throughput_completion: null };
    const reports = new Map([
      ['naive', nothing],
      ['online', report],
    ]);
    expect(
      formatComparison(reports, { numEqual: 0, numCompared: 0, problems: [] }),
    ).toBe(`mode     completion tok/s  × naive
naive                   -        -
online             299.73        -
ids equal in all modes: -`);
  });
});
