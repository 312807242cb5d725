// Estimated times of dispatches against numbers computed by hand.
import { expect, test } from 'vitest';
import { type DispatchWork, estimateDispatch, LAUNCH_GAP } from '../../../bench/estimate/dispatch-time.ts';
import { GPUS, type Gpu } from '../../../bench/estimate/gpus.ts';
import { bytesUnderWay } from '../../../bench/estimate/shader-memory.ts';

/** Holds 1,000 lanes, whose multiply-adds are its peak; a load takes 200 ns from memory, 100 ns from L2. */
const GPU: Gpu = {
  ...GPUS['a100-sxm'],
  gigabytes: 1000,
  units: 10,
  lanes: 100,
  gigahertz: 2,
  teraflops: 4,
  cycles: { memory: 400, l2: 200 },
};
const WORK: DispatchWork = { cost: { bytes: 1e6, flops: 1e6 }, lanes: 1000, waits: 2, bytesUnderWay: 400 };

test('bytes come at the bandwidth where the lanes ask for more', () => {
  // 1,000 lanes × 400 B / 200 ns are 2,000 B/ns of 1,000; 1e6 operations at 4,000 a nanosecond; 2 × 200 ns.
  expect(estimateDispatch(GPU, WORK)).toEqual({
    total: 1000 + LAUNCH_GAP,
    bound: 'bytes',
    parts: { bytes: 1000, arithmetic: 250, waits: 400 },
  });
});

test('few lanes ask for fewer bytes than the memory could send', () => {
  // 100 lanes × 64 B / 200 ns = 32 B/ns.
  const { parts, bound } = estimateDispatch(GPU, { ...WORK, lanes: 100, bytesUnderWay: 64 });
  expect(parts.bytes).toBe(31250);
  expect(bound).toBe('bytes');
});

test('no more lanes ask than the GPU holds', () => {
  // 1,000 of the 4,000 lanes × 32 B / 200 ns = 160 B/ns.
  expect(estimateDispatch(GPU, { ...WORK, lanes: 4000, bytesUnderWay: 32 }).parts.bytes).toBe(6250);
});

test('arithmetic takes the part of the peak whose lanes are launched', () => {
  const { parts, bound } = estimateDispatch(GPU, { ...WORK, cost: { bytes: 1000, flops: 8e6 }, lanes: 500 });
  expect(parts.arithmetic).toBe(4000);
  expect(bound).toBe('arithmetic');
  expect(estimateDispatch(GPU, { ...WORK, cost: { bytes: 1000, flops: 8e6 }, lanes: 5000 }).parts.arithmetic).toBe(
    2000,
  );
});

test('waits are of each round of lanes, and shorter on L2', () => {
  const work = { ...WORK, waits: 30, lanes: 2500 };
  expect(estimateDispatch(GPU, work)).toMatchObject({ total: 30 * 200 * 3 + LAUNCH_GAP, bound: 'waits' });
  expect(estimateDispatch(GPU, work, 'l2').parts.waits).toBe(30 * 100 * 3);
});

test('unknown waits bound nothing, and unknown loads leave the bandwidth', () => {
  expect(estimateDispatch(GPU, { ...WORK, lanes: 1, waits: null, bytesUnderWay: null }).parts).toEqual({
    bytes: 1000,
    arithmetic: 250 * 1000,
    waits: 0,
  });
});

test('bytes under way are those between two waits where the most words are loaded', () => {
  const few = { waits: 1, inFlight: 1, words: 1 };
  const many = { waits: 4, inFlight: 16, words: 193 };
  expect(bytesUnderWay({ outside: few, loops: [many, few] })).toBe((4 * 193) / 4);
  expect(bytesUnderWay({ outside: few, loops: [] })).toBe(4);
  expect(bytesUnderWay({ outside: { waits: 0, inFlight: 0, words: 0 }, loops: [] })).toBeNull();
});
