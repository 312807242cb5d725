// Quick tables of the sampler: filters, draws, ties and probabilities, and its parts, the noise and its numbers.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { distributionOf } from '../../../src/kernels/sample/expected.ts';
import { drawRows, NO_TOKEN } from '../../../src/kernels/sample/operands.ts';
import { sample, sampleProbs } from '../../../src/kernels/sample/sample.ts';
import { sampleNaive } from '../../../src/kernels/sample/sample-naive.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { normals } from '../../../src/util/random-values.ts';
import { assertPasses } from '../../support/assert-passes.ts';
import { checkNoise, noiseKernel } from '../../support/kernels/exp-ln-case.ts';
import { checkRng, rngKernel } from '../../support/kernels/rng-case.ts';
import { checkNaiveDraws, checkSameDraws } from '../../support/kernels/sample-naive-checks.ts';
import { drawWithProbs } from '../../support/kernels/sampling-case.ts';
import {
  bitRows,
  bitsOf,
  checkDraws,
  checkNoiseTies,
  checkSweep,
  expectSameRows,
  kept,
  PROBABILITY,
} from '../../support/kernels/sampling-checks.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

/** The greatest finite f32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** The quick table of the sampler, with and without probabilities. */
async function checkSample(device: Device, replace: Replace): Promise<void> {
  const [drawn, probed] = [replace(sample), replace(sampleProbs)];
  const narrow = await bitsOf(device, bitRows(), undefined, probed);
  await checkEnds(device, probed);
  await checkCrowd(device, probed);
  await checkStrips(device, probed);
  await checkSweep(device, 40, probed);
  expectSameRows(await bitsOf(device, bitRows(), 64, probed), narrow, '64 lanes');
  await checkNoiseTies(device, drawn);
  await checkDraws(device, drawRows(257, 600, 1, {}), drawn);
  await checkDraws(device, drawRows(257, 200, 2, { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 }), drawn);
  await checkDraws(device, drawRows(257, 100, 1, { minP: 0.5 }), drawn);
  await checkDraws(device, drawRows(8192, 20, 1, { temperature: 1.3 }), drawn);
  const level = Array.from({ length: 20 }, (_, seed) => ({ logits: new Float32Array(64), minP: 1, seed }));
  await checkDraws(device, level, drawn);
}

/**
 * Expects cuts in rows of more tokens than candidates: with 4,032 of neighbouring logits around it, half way down a bucket
 * of the estimate, where it expects the cut; among equal ones; and below the 16 temperatures that the estimate sees.
 */
async function checkCrowd(device: Device, kernel: typeof sampleProbs): Promise<void> {
  const V = 4096;
  const near = Float32Array.from({ length: V }, (_, id) => (id % 64 === 15 ? 0 : -2.03175 + id * 2 ** -22));
  const rows = [
    { logits: near, topP: 0.554 },
    { logits: new Float32Array(V), topK: 3000, topP: 0.5 },
    { logits: normals(2, V, 6), temperature: 0.1, topK: 200 },
    // The best ids are the last of the last strip, and of eight lanes the first of two strips of the first.
    { logits: normals(3, V).map((logit, id) => ({ 0: 8, 32: 9, 4095: 10 })[id] ?? logit), topK: 3 },
  ];
  const { probs } = await drawWithProbs(device, rows, {}, kernel);
  for (const [r, row] of rows.entries()) expect(kept(probs[r]!), `crowd ${r}`).toEqual(kept(distributionOf(row)));
}

/** Expects the strips to hold every id of a row, whatever V leaves over of whole ones, also where lanes load several at once. */
async function checkStrips(device: Device, kernel: typeof sampleProbs): Promise<void> {
  for (const [V, best] of [
    [2046, 2039],
    [2049, 2048],
    [2050, 2049],
  ] as const) {
    // Of equal ones a lane takes the first, whose turn in its strip is the one before.
    const first = best - 8;
    const rows = [[best], [first, best]].map((greatest) => {
      const logits = Float32Array.from({ length: V }, (_, id) => (greatest.includes(id) ? 1 : 0));
      return { logits, temperature: 0 };
    });
    for (const LOADS of [1, 4]) {
      const { ids } = await drawWithProbs(device, rows, { LOADS }, kernel);
      expect(ids, `V ${V}, ${LOADS} loads at once`).toEqual([best, first]);
    }
  }
}

/** Ties, ids that are not allowed, rows that are not finite, and logits at the ends of f32. */
async function checkEnds(device: Device, kernel: typeof sampleProbs): Promise<void> {
  const [V, allowed] = [700, 650];
  const logits = normals(1, V);
  for (const id of [612, 97, 98, 350]) logits[id] = 9.3;
  const infinite = Float32Array.from(logits).fill(Number.NEGATIVE_INFINITY, V - 1);
  const equal = new Float32Array(V).fill(-2.5);
  const huge = Float32Array.from(logits, (_, id) => [-3e38, LARGEST, 3.3e38][id] ?? -3e38);
  // Two ids with neighbouring f32 logits, read by the same lane.
  const neighbours = Float32Array.from(logits, (logit, id) => ({ 8: 20, 72: 20 + 2 ** -19 })[id] ?? logit);
  const tied = new Float32Array(V).fill(-2.5).fill(5, 600, 610);
  const lastBest = Float32Array.from(logits, (logit, id) => (id === allowed - 1 ? 20 : logit));
  const filters = [
    { logits, topK: 1 },
    { logits, topK: 2 },
    { logits, temperature: 0, topK: 5, topP: 0.1 },
    { logits: Float32Array.from(logits, (logit, id) => (id === 40 ? 12 : logit)), topK: 2, topP: 0.99 },
    { logits: infinite, topK: 2 },
    { logits: neighbours, temperature: 0 },
    { logits: neighbours, topK: 2 },
    { logits: equal, topK: 17 },
    { logits: equal, topK: 0xffffffff },
    { logits: equal, topP: 1e-20 },
    { logits: Float32Array.from(logits, (_, id) => (id === 3 || id === 9 ? 5 : -30)), topP: 0.3 },
    { logits: Float32Array.from(logits, (logit, id) => (id === allowed ? 50 : logit)), topK: 3 },
    { logits: equal, topP: 0.25 },
    { logits: equal, topK: 100, topP: 0.25 },
    { logits: equal, minP: 1 },
    { logits: equal, topK: allowed - 1 },
    // The last id that top-k leaves stands alone in its digit: three that it drops would share it.
    { logits: equal, topK: 99, topP: 1 - 2 ** -24 },
    { logits: equal, topP: 1 - 2 ** -24 },
    { logits: tied, topK: 20, topP: 0.3 },
    { logits: Float32Array.from(logits, (logit, id) => (id === allowed ? 9.2 : logit)), topK: 5 },
    { logits: lastBest, temperature: 0 },
    { logits: equal, temperature: 0 },
    { logits: equal, temperature: 2 ** -126 },
    { logits: huge, temperature: 1e37, topK: 3 },
    { logits: huge, temperature: 1e37, topK: 3, topP: 0.9 },
    { logits: huge, temperature: 1e-45 },
  ];
  const rows = filters.map((filter, seed) => ({ ...filter, seed }));
  const tokenSlots = rows.map((_, r) => (r * 5) % (rows.length + 2));
  const options = { allowed, tokenSlots, numSlots: rows.length + 2 };
  const { probs, ids, finite, nextTokens } = await drawWithProbs(device, rows, options, kernel);
  for (const [r, row] of rows.entries()) {
    const usable = row.logits !== infinite;
    const want = distributionOf(row, allowed);
    assertPasses(compareWithin(probs[r]!, want, PROBABILITY, { label: `row ${r}` }));
    expect(kept(probs[r]!), `row ${r}`).toEqual(kept(want));
    expect(finite[r], `row ${r}`).toBe(usable ? 1 : 0);
    expect(usable ? want[ids[r]!]! > 0 : ids[r] === 0, `row ${r}: id ${ids[r]}`).toBe(true);
    expect(nextTokens[tokenSlots[r]!], `row ${r}`).toBe(ids[r]);
  }
  expect(nextTokens.filter((id) => id === NO_TOKEN).length, 'untouched').toBe(2);
  const zeros = [
    [-1, -0, 0],
    [-1, 0, -0],
  ].map((row) => ({ logits: Float32Array.from(row), temperature: 0 }));
  expect((await drawWithProbs(device, zeros, {}, kernel)).ids).toEqual([1, 1]);
}

async function checkSampleNaive(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(sampleNaive);
  await checkSameDraws(device, kernel);
  await checkNaiveDraws(device, drawRows(257, 60, 2, { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 }), kernel);
}

/** Tables of the sampler, its plain form and its parts. */
export const SAMPLER_TABLES: readonly Table[] = [
  { shaders: ['sample'], check: checkSample },
  { shaders: ['sample_naive'], check: checkSampleNaive },
  { shaders: ['rng'], check: (device, replace) => checkRng(device, replace(rngKernel)) },
  { shaders: ['exp_ln', 'gumbel'], check: (device, replace) => checkNoise(device, replace(noiseKernel)) },
];
