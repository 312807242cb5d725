import { describe, expect, test } from 'vitest';
import type { ModeReport } from '../../../bench/closed-loop/mode-report.ts';
import { formatComparison, formatMode } from '../../../bench/closed-loop/text-report.ts';

const report: ModeReport = {
  requests: 8,
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
  per_request: [],
};

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
ITL: n/a
E2E: mean 1000.00 ms, p50 1000.00 ms, p99 1708.23 ms`);
  });
});

describe('formatComparison', () => {
  test('sets the modes against the naive one', () => {
    const reports = new Map([
      ['naive', report],
      ['offline', { ...report, throughput_completion: 1052.312 }],
      ['online', { ...report, throughput_completion: 66.9 }],
    ]);
    expect(formatComparison(reports, 7)).toBe(`mode     completion tok/s  × naive
naive              299.73     1.00
offline           1052.31     3.51
online              66.90     0.22
ids equal in all modes: 7/8`);
  });

  test('has no ratio to a naive mode that generated nothing', () => {
    const nothing = { ...report, throughput_completion: 0 };
    const reports = new Map([
      ['naive', nothing],
      ['online', report],
    ]);
    expect(formatComparison(reports, 0)).toContain('online             299.73      n/a');
  });
});
