// Report of a profiled step, from invented measurements: order, shares, the table as it is printed.
import { describe, expect, test } from 'vitest';
import { formatStep, reportStep } from '../../../bench/profile/profile-report.ts';
import type { MeasuredKernel } from '../../../bench/profile/step-kernels.ts';
import { NO_WINDOW } from '../../../src/kernels/attention/attention.ts';

const kernel = (label: string, ms: number, dispatches: number, dims: Record<string, number>): MeasuredKernel => {
  return { label, ms, dispatches, dims, cost: { bytes: label === 'sample[]' ? 0 : 1e6, flops: 0 } };
};

const STEP = { kind: 'decode', sequences: 2, queries: 1, context: 64, rows: [] } as const;
const MEASURED = {
  wall: 10,
  encode: 0.5,
  gpu: 8,
  kernels: [
    kernel('attention[D=16]', 1, 1, { T: 2, G: 30, SHARE: 1, D: 16, W: 16, ROWS: 1, tileTokens: 1, window: NO_WINDOW }),
    kernel('matmul[ROWS=2]', 5, 2, { M: 2, N: 8, K: 4, KW: 2 }),
    kernel('matmul[ROWS=2]', 1, 1, { M: 2, N: 16, K: 4, KW: 2 }),
    kernel('sample[]', 1, 1, { R: 2 }),
  ],
  roofline: { gigabytes: 1, gigawords: 1, gflops: 1000, launch: 0.001 },
};
const READBACK = 0.25;

describe('reportStep', () => {
  const report = reportStep(STEP, MEASURED, READBACK);

  test('lists the kernels, the longest first', () => {
    expect(report.kernels.map(({ kernel, sizes, dispatches, ms }) => [kernel, sizes.N, dispatches, ms])).toEqual([
      ['matmul', 8, 2, 5],
      ['attention', undefined, 1, 1],
      ['matmul', 16, 1, 1],
      ['sample', undefined, 1, 1],
    ]);
  });

  test('gives shares of the sum and of the roofline, of attention by the keys of its contexts', () => {
    // 1e6 bytes take 1 ms at 1 GB/s. Attention reads keys and values of 30 heads of 16 for 64 tokens of two sequences, besides
    // two rows of queries and of output.
    const attention = (4 * 2 * 2 * 64 + 4 * 2 * 2) * 30 * 16;
    expect(report.kernels.map(({ share }) => share)).toEqual([5 / 8, 1 / 8, 1 / 8, 1 / 8]);
    const rooflines = report.kernels.map(({ roofline }) => roofline);
    for (const [i, want] of [2 / 5, 1e-6 * attention, 1, 0].entries()) expect(rooflines[i]).toBeCloseTo(want, 12);
  });

  test('tells of the step as a whole', () => {
    expect(report).toMatchObject({ sequences: 2, tokens: 2, context: 64, wall_ms: 10, gpu_ms: 8, idle_ms: 2 });
    expect(report).toMatchObject({ encode_ms: 0.5, readback_ms: 0.25, kernel_ms: 8, kernels_per_wall: 0.8 });
    // Noise may make the GPU's time longer than the wall's.
    expect(reportStep(STEP, { ...MEASURED, gpu: 11 }, READBACK).idle_ms).toBe(0);
  });

  test('is a table, in which rows of one variant are told apart by the sizes that differ', () => {
    expect(formatStep(STEP, report).split('\n')).toEqual([
      '=== decode step: 2 tokens, 2 sequences, context 64 ===',
      'kernel           dispatches         ms    share  roofline variant and sizes',
      'matmul                    2      5.000   62.5 %    40.0 % [ROWS=2] N=8',
      'attention                 1      1.000   12.5 %    49.9 % [D=16]',
      'matmul                    1      1.000   12.5 %   100.0 % [ROWS=2] N=16',
      'sample                    1      1.000   12.5 %     0.0 % []',
      'sum                       5      8.000',
      'Wall: 10.000 ms = GPU 8.000 ms + idle 2.000 ms',
      'Host encode: 0.500 ms, readback: 0.250 ms',
      'Sum of kernel times / wall: 0.800',
      'Meanwhile this adapter at best: 1.0 GB/s read, 1.0 Gwords/s loaded, 1000.0 GFLOP/s in multiply-adds, 1.0 µs a dispatch',
    ]);
  });

  test('has a dash for what no clock could tell from nothing', () => {
    const kernels = MEASURED.kernels.map((each) => ({ ...each, ms: 0 }));
    const report = reportStep(STEP, { ...MEASURED, wall: 0, gpu: null, kernels }, null);
    expect(report).toMatchObject({ idle_ms: null, kernels_per_wall: null });
    expect(report.kernels.every(({ share, roofline }) => share === null && roofline === null)).toBe(true);
    const text = formatStep(STEP, report);
    expect(text).not.toMatch(/NaN|Infinity/);
    expect(text).toContain('Wall: 0.000 ms = GPU - + idle -\nHost encode: 0.500 ms, readback: -');
  });
});
