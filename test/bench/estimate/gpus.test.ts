// The table of GPUs: no figure or source is missing, and figures of one GPU agree with each other.
import { describe, expect, test } from 'vitest';
import { GPU_NAMES, GPUS, type Gpu, latencyOf } from '../../../bench/estimate/gpus.ts';

describe.each(GPU_NAMES.map((name): [string, Gpu] => [name, GPUS[name]]))('%s', (_, gpu) => {
  test('has every figure and a source of each', () => {
    const { gigabytes, units, lanes, gigahertz, teraflops, cycles, sources } = gpu;
    for (const figure of [gigabytes, units, lanes, gigahertz, teraflops, cycles.memory, cycles.l2]) {
      expect(figure).toBeGreaterThan(0);
    }
    for (const source of [sources.product, sources.lanes, sources.latency]) expect(source).toMatch(/\w{3}.*\w{3}/);
  });

  test('does at its peak a multiply-add in whole groups of 64 lanes of a unit', () => {
    const { teraflops, units, gigahertz } = gpu;
    const groups = (1000 * teraflops) / (2 * gigahertz * units) / 64;
    expect(groups).toBeGreaterThan(0.9);
    // Peaks are published with three digits.
    expect(Math.abs(groups - Math.round(groups))).toBeLessThan(0.005 * groups);
  });

  test('finds data in L2 sooner than in memory', () => {
    expect(latencyOf(gpu, 'l2')).toBeLessThan(latencyOf(gpu, 'memory'));
  });
});

test('a latency is the cycles at the boost clock', () => {
  expect(latencyOf({ ...GPUS['a100-sxm'], gigahertz: 2, cycles: { memory: 500, l2: 300 } }, 'memory')).toBe(250);
});
