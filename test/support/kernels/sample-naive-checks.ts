// Checks of the plain sampler: float64's ids where they are clear, and the fast sampler's ids in every row.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { drawnId, isClearDraw } from '../../../src/kernels/sample/expected.ts';
import { drawRows, type SampledRow } from '../../../src/kernels/sample/operands.ts';
import { sampleNaive } from '../../../src/kernels/sample/sample-naive.ts';
import { normals } from '../../../src/util/random-values.ts';
import { draw, drawPlainly } from './sampling-case.ts';
import { bitRows } from './sampling-checks.ts';

/** Expects float64's ids; returns in how many rows its choice was clear. */
export async function checkNaiveDraws(
  device: Device,
  rows: readonly SampledRow[],
  kernel: Kernel<typeof sampleNaive.spec> = sampleNaive,
): Promise<number> {
  const { ids } = await drawPlainly(device, rows, {}, kernel);
  let clear = 0;
  for (const [r, row] of rows.entries()) {
    if (!isClearDraw(row)) continue;
    clear++;
    expect(ids[r], `row ${r}`).toBe(drawnId(row));
  }
  return clear;
}

/** Rows of V logits, `allowed` of them to be drawn, where filters end at equal logits, at the first or the last token. */
function endRows(V: number, allowed: number): SampledRow[] {
  const logits = normals(1, V);
  for (const id of [V - 60, 97, 98, 350]) logits[id] = 9.3;
  const equal = new Float32Array(V).fill(-2.5);
  const with50 = Float32Array.from(logits, (logit, id) => (id === allowed ? 50 : logit));
  const lastBest = Float32Array.from(logits, (logit, id) => (id === allowed - 1 ? 20 : logit));
  const infinite = Float32Array.from(logits).fill(Number.NEGATIVE_INFINITY, V - 1);
  const notANumber = Float32Array.from(logits).fill(Number.NaN, 0, 1);
  const huge = Float32Array.from(logits, (_, id) => [-3e38, 3e38, 2.9e38][id] ?? -3e38);
  const neighbours = Float32Array.from(logits, (logit, id) => ({ 8: 20, 72: 20 + 2 ** -19 })[id] ?? logit);
  const filters: SampledRow[] = [
    { logits, topK: 2 },
    { logits, topK: 3, topP: 0.6 },
    { logits, temperature: 0, topK: 5, topP: 0.1 },
    { logits: with50, temperature: 0 },
    { logits: with50, topK: 3 },
    { logits: neighbours, temperature: 0 },
    { logits: lastBest, temperature: 0 },
    { logits: infinite, topK: 2 },
    { logits: infinite, temperature: 0 },
    { logits: equal, temperature: 0 },
    { logits: equal, temperature: 2 ** -126 },
    { logits: notANumber },
    { logits: equal, topK: 1 },
    { logits: equal, topK: 17 },
    { logits: equal, topK: allowed - 1 },
    { logits: equal, topK: allowed },
    { logits: equal, topK: 0xffffffff },
    { logits: equal, topP: 1e-20 },
    { logits: equal, topK: 100, topP: 0.25 },
    { logits: equal, topK: 100, topP: 1 - 2 ** -24 },
    { logits: equal, minP: 1 },
    { logits, minP: 0.3, temperature: 2 },
    { logits: huge, temperature: 1e37, topK: 3, topP: 0.9 },
    { logits: huge, temperature: 1e-45 },
  ];
  return filters.flatMap((filter, i) => [1, 2, 3].map((n) => ({ ...filter, seed: 100 * i + n, position: i })));
}

/** Expects ids, flags and slots of the fast sampler: over shapes and filters, and where filters end in hard places. */
export async function checkSameDraws(
  device: Device,
  kernel: Kernel<typeof sampleNaive.spec> = sampleNaive,
): Promise<void> {
  const ends = endRows(700, 650);
  const tokenSlots = ends.map((_, r) => (r * 7) % (ends.length + 1));
  const tables = [
    { rows: ends, options: { allowed: 650, tokenSlots, numSlots: ends.length + 2 } },
    { rows: bitRows(), options: {} },
    // The greatest noise of two ids.
    { rows: [{ logits: new Float32Array(512), seed: 135166 }], options: {} },
    { rows: drawRows(257, 300, 1, { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 }), options: {} },
    { rows: drawRows(2, 100, 1, {}), options: {} },
    { rows: drawRows(257, 100, 1, { topK: 2 }), options: {} },
    { rows: drawRows(257, 100, 1, { minP: 0.5 }), options: {} },
  ];
  for (const { rows, options } of tables) {
    const got = await drawPlainly(device, rows, options, kernel);
    const want = await draw(device, rows, options);
    for (const [r, { logits, ...row }] of rows.entries()) {
      const label = `row ${r}, V ${logits.length}, ${JSON.stringify(row)}`;
      expect([got.ids[r], got.finite[r]], label).toEqual([want.ids[r], want.finite[r]]);
    }
    expect(got.nextTokens).toEqual(want.nextTokens);
  }
}
