// Report of the price of a fixed order: what a decode step adds up, and the lines of text.
import { expect, test } from 'vitest';
import type { DecodeWork } from '../../../bench/invariance/decode-work.ts';
import {
  formatPriceRow,
  formatPriceSum,
  type PriceRow,
  priceNotes,
  priceRow,
  priceSums,
} from '../../../bench/invariance/report.ts';
import type { Comparison } from '../../../bench/invariance/time-contest.ts';

const prepare = () => Promise.reject(new Error('nothing is timed here'));
const work = (name: string, perStep: readonly (readonly [number, number])[]): DecodeWork => {
  return { kernel: 'matmul', name, M: 8, perStep: new Map(perStep), prepare };
};
const compared = (ours: number, control: number | null): Comparison => {
  const [best, price] = control === null ? [null, null] : ['free_dot', ours / control - 1];
  return { ours, control, best, price, interval: null };
};
const rowOf = (of: DecodeWork, throughput: Comparison, latency = compared(2, 4)): PriceRow => {
  const cost = { bytes: 3e6, flops: 6e6 };
  return priceRow(of, { ours: 'matmul[ROWS=8]', controls: ['free_dot'], cost }, { throughput, latency });
};

const [QKV, SHORT, LONG] = [
  work('qkv', [
    [64, 12],
    [1000, 12],
  ]),
  work('64 keys', [[64, 12]]),
  work('1000 keys', [[1000, 12]]),
];
const WORKS = [QKV!, SHORT!, LONG!];

test('a decode step adds up its own kernels, each as often as it runs', () => {
  const rows = [rowOf(QKV!, compared(3, 2)), rowOf(SHORT!, compared(1, 1)), rowOf(LONG!, compared(5, 10))];
  expect(priceSums(WORKS, rows)).toEqual([
    { M: 8, context: 64, throughput: { ours: 48, control: 36, price: 48 / 36 - 1 }, latency: expect.anything() },
    { M: 8, context: 1000, throughput: { ours: 96, control: 144, price: 96 / 144 - 1 }, latency: expect.anything() },
  ]);
});

test('a kernel without a control is on neither side of a sum, and a step that is not wholly timed has none', () => {
  const rows = [rowOf(QKV!, compared(3, 2)), rowOf(SHORT!, compared(1, null))];
  expect(priceSums(WORKS, rows)).toEqual([
    { M: 8, context: 64, throughput: { ours: 36, control: 24, price: 0.5 }, latency: expect.anything() },
  ]);
  const [none] = priceSums([SHORT!], [rowOf(SHORT!, compared(1, null))]);
  expect(none?.throughput).toEqual({ ours: null, control: null, price: null });
});

test('lines have microseconds, the price with its sign, speeds of ours, and the controls', () => {
  const cells = (row: PriceRow) => formatPriceRow(row).split(/ {2,}/);
  expect(cells(rowOf(QKV!, compared(3, 2)))).toEqual(
    // biome-ignore format: a table
    ['matmul', 'qkv', '8', '3000.0', '2000.0', '+50.0 %', '1.00', '2.00', '2000.0', '4000.0', '-50.0 % free_dot'],
  );
  expect(formatPriceRow(rowOf(QKV!, compared(3, null)))).toMatch(/ 3000\.0 +- +- +1\.00 .* - · free_dot$/);
  const sum = { ours: 3, control: 2, price: 0.5 };
  expect(formatPriceSum({ M: 8, context: 64, throughput: sum, latency: { ours: 1, control: null, price: null } })).toBe(
    'decode step, M=8, context 64: in a row 3.000 ms against 2.000 ms, price +50.0 %; alone 1.000 ms against - ms, price -',
  );
});

test('notes name a software adapter and the controls that were skipped, where there are any', () => {
  expect(priceNotes(false, [])).toHaveLength(1);
  const [, software, skipped] = priceNotes(true, ['free_dot', 'free_layernorm']);
  expect(software).toContain('this adapter is software');
  expect(skipped).toBe('skipped, for this adapter has no subgroups: free_dot, free_layernorm');
});
