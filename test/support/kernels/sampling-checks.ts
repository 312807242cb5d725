// Checks of the sampler: sweeps of filters, draws, ties, and rows whose bits must not depend on the number of lanes.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { distributionOf, drawnId, isClearDraw, PROBABILITY_ERROR } from '../../../src/kernels/sample/expected.ts';
import { filtersOf, type SampledRow } from '../../../src/kernels/sample/operands.ts';
import { sample, sampleProbs } from '../../../src/kernels/sample/sample.ts';
import { processLogits, type SamplingFilters } from '../../../src/reference/sampling.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { normals } from '../../../src/util/random-values.ts';
import { uniform } from '../../../src/util/rng.ts';
import { assertPasses } from '../assert-passes.ts';
import { draw, drawWithProbs } from './sampling-case.ts';

/** Error that a probability may have. */
export const PROBABILITY = { abs: PROBABILITY_ERROR };

/** Ids that may be drawn. */
export const kept = (probs: ArrayLike<number>) =>
  Array.from(probs, (p, id) => (p > 0 ? id : -1)).filter((id) => id >= 0);

/** Steep and flat rows around several means, each cut somewhere else by several filters. */
function sweep(R: number): SampledRow[] {
  const V = 3000;
  const shapes = [
    { scale: 3, mean: 0 },
    { scale: 0.4, mean: 0 },
    { scale: 6, mean: -60 },
    { scale: 2, mean: 40 },
  ];
  return Array.from({ length: R }, (_, i) => {
    const { scale, mean } = shapes[i % 4]!;
    return {
      logits: normals(i, V, scale).map((logit) => logit + mean),
      temperature: 0.3 + uniform(1, i, 0) * 1.5,
      topK: i % 3 === 0 ? 1 + Math.floor(uniform(1, i, 1) ** 3 * V) : 0,
      topP: i % 5 === 0 ? 1 : 0.05 + uniform(1, i, 2) * 0.949,
      minP: i % 7 === 0 ? uniform(1, i, 3) * 0.1 : 0,
    };
  });
}

/** Tells whether as many tokens are kept when the bounds move by more than the error of f32 weights, 2.4e-6 at most. */
function isClearCut(logits: Float64Array, filters: SamplingFilters): boolean {
  const [tighter, looser] = [-4e-6, 4e-6].map((step) => {
    const topP = filters.topP === 1 ? 1 : filters.topP * (1 + step);
    return kept(processLogits(logits, { ...filters, topP, minP: filters.minP * (1 - step) })).length;
  });
  return tighter === looser;
}

/** Expects the float64 distribution of R rows with filters in many combinations; returns how many could be compared. */
export async function checkSweep(
  device: Device,
  R: number,
  kernel: Kernel<typeof sampleProbs.spec> = sampleProbs,
): Promise<number> {
  const rows = sweep(R);
  const { probs } = await drawWithProbs(device, rows, {}, kernel);
  let compared = 0;
  for (const [r, row] of rows.entries()) {
    const logits = Float64Array.from(row.logits);
    const filters = filtersOf(row);
    if (!isClearCut(logits, filters)) continue;
    compared++;
    const label = `row ${r}, ${JSON.stringify(filters)}`;
    const want = distributionOf(row);
    expect(kept(probs[r]!).length, `${label}: kept`).toBe(kept(want).length);
    assertPasses(compareWithin(probs[r]!, want, PROBABILITY, { label }));
  }
  return compared;
}

/** Expects the tokens of the float64 reference; returns in how many rows its choice was clear. */
export async function checkDraws(
  device: Device,
  rows: readonly SampledRow[],
  kernel: Kernel<typeof sample.spec> = sample,
): Promise<number> {
  const { ids } = await draw(device, rows, {}, kernel);
  let clear = 0;
  rows.forEach((row, r) => {
    if (!isClearDraw(row)) return;
    clear++;
    expect(ids[r], `row ${r}`).toBe(drawnId(row));
  });
  return clear;
}

/**
 * Expects the lower of two ids with equal scores: of two that one lane looks at and that have the same noise, the greatest
 * of 512, by this seed; and of two neighbours with the same noise, where the higher one's logit is the best, but by too
 * little to count in the score.
 */
export async function checkNoiseTies(device: Device, kernel: Kernel<typeof sample.spec> = sample): Promise<void> {
  const [seed, low, high] = [135166, 57, 121];
  const noise = Array.from({ length: 512 }, (_, id) => uniform(seed, 0, id));
  const best = Math.max(...noise);
  expect([noise.indexOf(best), noise.lastIndexOf(best)]).toEqual([low, high]);
  const wide = { logits: new Float32Array(512), seed };
  expect((await draw(device, [wide], {}, kernel)).ids).toEqual([low]);

  const pair = { logits: Float32Array.of(0, 1e-8), seed: 17946944 };
  expect(uniform(pair.seed, 0, 0)).toBe(uniform(pair.seed, 0, 1));
  expect((await draw(device, [pair], {}, kernel)).ids).toEqual([0]);
}

const V = 3001;

/**
 * Rows whose bits must not depend on the number of lanes: steep ones fit the candidates, flat ones do not, rounded ones
 * tie.
 */
export function bitRows(): SampledRow[] {
  const filterSets: Partial<SamplingFilters>[] = [
    {},
    { temperature: 0 },
    { topK: 50 },
    { topP: 0.9 },
    { topK: 900, topP: 0.7 },
    { minP: 0.05, temperature: 1.4 },
  ];
  const shapes = [
    (i: number) => normals(i, V, 4),
    (i: number) => normals(i, V, 0.3),
    (i: number) => normals(i, V, 4).map(Math.round),
  ];
  return shapes.flatMap((logitsOf, s) =>
    filterSets.map((filters, i) => ({ ...filters, logits: logitsOf(10 * s + i), seed: 2 ** 40 + i, position: s })),
  );
}

/** Id and bits of the probabilities of each row. */
export async function bitsOf(
  device: Device,
  rows: readonly SampledRow[],
  LANES?: number,
  kernel: Kernel<typeof sampleProbs.spec> = sampleProbs,
): Promise<Uint32Array[]> {
  const { ids, probs } = await drawWithProbs(device, rows, LANES === undefined ? {} : { LANES }, kernel);
  return probs.map((p, r) => Uint32Array.of(ids[r]!, ...new Uint32Array(p.slice().buffer)));
}

/** Expects rows with the same bits. */
export function expectSameRows(got: readonly Uint32Array[], want: readonly Uint32Array[], label: string): void {
  got.forEach((row, r) => {
    assertPasses(compareBits(row, want[r]!, { label: `row ${r}, ${label}` }));
  });
}
