// The page of the kernel benchmark: roofs and places by hand, every variant in it, and hostile names as text.
import { expect, test } from 'vitest';
import { drawCharts, renderPage } from '../../../bench/charts/report-page.ts';
import { kernelScript } from '../../../bench/kernels/args.ts';
import { kernelPage } from '../../../bench/kernels/kernel-page.ts';
import { type KernelResult, kernelReportJson } from '../../../bench/kernels/report.ts';
import { pointsOf, roofsOf } from '../../../bench/kernels/roofline-chart.ts';
import { cardIdentity } from '../../support/gpu/adapter-identity.ts';
import { argsOf } from '../args-of.ts';
import { unexplainedIn } from '../charts/unexplained.ts';

const roofline = { gigabytes: 10, gigawords: 5, gflops: 80, launch: 0.01 };

function result(fields: Partial<KernelResult> = {}): KernelResult {
  const ms = { median: 1, p10: 0.9, p90: 1.1 };
  const names = { kernel: 'matmul', case: 'qkv', M: 1, variant: 'matmul[ROWS=1]' };
  return {
    ...names,
    isBase: false,
    usedByModel: false,
    ms,
    gflops: 4,
    gigabytes: 2,
    roofline: 0.2,
    best: roofline,
    ...fields,
  };
}

test('roofs rise with the bandwidths of memory and cache and end in that of operations', () => {
  // 4 bytes a word: 20 GB/s from the cache. The ridges are 80 / 10 and 80 / 20.
  expect(roofsOf(roofline, [1, 100])).toEqual([
    { roof: 'read from memory', x: 1, y: 10, x2: 8, y2: 80 },
    { roof: 'loaded from the nearest cache', x: 1, y: 20, x2: 4, y2: 80 },
    { roof: 'multiply-adds', x: 4, y: 80, x2: 100, y2: 80 },
  ]);
  // Right of both ridges there is the flat one alone, left of them none of it.
  expect(roofsOf(roofline, [9, 10])).toEqual([{ roof: 'multiply-adds', x: 9, y: 80, x2: 10, y2: 80 }]);
  expect(roofsOf(roofline, [1, 2]).map(({ roof, x2, y2 }) => [roof, x2, y2])).toEqual([
    ['read from memory', 2, 20],
    ['loaded from the nearest cache', 2, 40],
  ]);
  expect(roofsOf({ ...roofline, gigabytes: null, gflops: null }, [1, 2])).toHaveLength(1);
});

test('a variant lies at its operations by byte; one that computes nothing, or whose cost is not known, has no place', () => {
  const results = [result(), result({ M: 16, usedByModel: true }), result({ gflops: 0 }), result({ gigabytes: null })];
  expect(pointsOf(results)).toEqual([
    { kernel: 'matmul', intensity: 2, gflops: 4, rows: '1 row', usedByModel: false },
    { kernel: 'matmul', intensity: 2, gflops: 4, rows: '2 to 16 rows', usedByModel: true },
  ]);
});

function pageOf(kernels: readonly KernelResult[], name = 'weights/tales') {
  const origin = { args: argsOf(kernelScript), adapter: cardIdentity, model: name, dtype: 'f16', commit: null };
  return kernelPage(kernelReportJson(roofline, kernels, { ...origin, kvDtype: 'f32', isPartial: false }));
}

test('has the roofline, the shares of every kernel and each variant in a table; names stay text', async () => {
  const hostile = '<' + 'script>alert(1)<';
  const kernels = ['matmul', 'attention', hostile].flatMap((kernel) => [
    result({ kernel, variant: `${kernel}[A]`, M: 64 }),
    result({ kernel, variant: `${kernel}[B]`, usedByModel: true }),
  ]);
  const page = pageOf([...kernels, result({ kernel: 'copy', gflops: 0, variant: 'copy[C]' })], hostile);
  expect(page.sections.flatMap(({ charts = [] }) => charts).map(({ name }) => name)).toEqual([
    'roofline',
    'roofline-kernels',
    'share-of-best',
  ]);
  expect(page.sections[0]?.paragraphs).toEqual([expect.stringContaining('1 of 7 variants')]);
  const [chosen, all] = page.sections[2]?.tables ?? [];
  expect([chosen?.rows.length, all?.rows.length]).toEqual([3, 7]);
  expect(all?.rows[0]).toEqual(['matmul', 'qkv', '64', '[A]', '1.0000', '4.00', '2.00', '20.0 %']);
  // Of kernels the legend has as many names as there are.
  expect(unexplainedIn(page)).toEqual(['matmul', 'attention', hostile].map((kernel) => `roofline: ${kernel}`));
  const drawings = await drawCharts(page);
  expect(drawings.get('roofline')?.includes('>multiply-adds<')).toBe(true);
  for (const svg of drawings.values()) expect(/NaN|Infinity|undefined/.exec(svg)).toBeNull();
  const html = renderPage(page, drawings);
  expect(html).not.toContain(hostile);
  expect(html).toContain('&lt;script&gt;alert(1)&lt;');
});

test('a run of kernels that compute nothing has no roofline, and still its shares', async () => {
  const page = pageOf([result({ gflops: 0 })]);
  expect(page.sections[0]?.charts).toEqual([]);
  expect([...(await drawCharts(page)).keys()]).toEqual(['share-of-best']);
});
