// What limits a kernel, from costs and figures that are given.
import { expect, test } from 'vitest';
import { limiterOf } from '../../src/timing/limiter.ts';

// 10 GB/s, 5 Gwords/s, 100 GFLOP/s, 1 µs.
const ROOFLINE = { gigabytes: 10, gigawords: 5, gflops: 100, launch: 0.001 };

test.each([
  // 2 ms of memory at best, of 4 ms.
  [
    { bytes: 2e7, flops: 1e8, loads: 5e6 },
    4,
    'bandwidth',
    { bandwidth: 0.5, loads: 0.25, arithmetic: 0.25, launch: 0.00025 },
  ],
  [
    { bytes: 2e7, flops: 1e8, loads: 2e7 },
    8,
    'loads',
    { bandwidth: 0.25, loads: 0.5, arithmetic: 0.125, launch: 0.000125 },
  ],
  [{ bytes: 1e6, flops: 1e9 }, 20, 'arithmetic', { bandwidth: 0.005, loads: 0, arithmetic: 0.5, launch: 0.00005 }],
  [{ bytes: 1000, flops: 0 }, 0.002, 'launch', { bandwidth: 0.05, loads: 0, arithmetic: 0, launch: 0.5 }],
] as const)('%o in %d ms is limited by %s', (cost, milliseconds, kind, shares) => {
  const limiter = limiterOf(cost, milliseconds, ROOFLINE)!;
  expect(limiter.kind).toBe(kind);
  expect(limiter.share).toBe(limiter.shares[kind]);
  for (const [name, share] of Object.entries(shares))
    expect(limiter.shares).toHaveProperty(name, expect.closeTo(share, 12));
});

test('a program has a launch for each of its dispatches', () => {
  expect(limiterOf({ bytes: 1e4, flops: 0 }, 0.02, ROOFLINE, 10)).toMatchObject({ kind: 'launch', share: 0.5 });
});

test('without a cost or a time there is none, and without a figure no share', () => {
  expect(limiterOf(null, 1, ROOFLINE)).toBeNull();
  expect(limiterOf({ bytes: 1, flops: 1 }, 0, ROOFLINE)).toBeNull();
  expect(limiterOf({ bytes: 1, flops: 1 }, null, ROOFLINE)).toBeNull();
  const { kind, shares } = limiterOf({ bytes: 2e7, flops: 1e8, loads: 1 }, 4, { ...ROOFLINE, gigabytes: null })!;
  expect([kind, shares.bandwidth]).toEqual(['arithmetic', null]);
});
