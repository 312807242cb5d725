import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { sample, sampleProbs } from '../../src/kernels/sample.ts';
import { gumbelSample, processLogits, type SamplingFilters } from '../../src/reference/sampling.ts';
import { uniform } from '../../src/util/rng.ts';
import { expectSameBits } from '../support/expect-within.ts';
import { type Changes, mutant } from '../support/mutant.ts';
import { normals } from '../support/random-data.ts';
import { singleTunings } from '../support/run-kernel.ts';
import { draw, drawWithProbs, filtersOf, type SamplingCase } from '../support/sampling-case.ts';

let auto: Device;
let base: Device;
beforeAll(async () => {
  auto = await Device.open();
  base = await Device.open({ features: 'base' });
});
afterAll(() => {
  auto.close();
  base.close();
});

describe('draws the token of the float64 reference', () => {
  /** Seeds on both sides of 2^32, so that both words of them count. */
  const seedOf = (r: number) => r * 2 ** (r % 40) + r;

  /** Difference of the two best perturbed scores: a draw can't hang on less than f32's error of them. */
  function gap({ logits, seed = 0, position = 0 }: SamplingCase, filters: SamplingFilters): number {
    const probs = processLogits(Float64Array.from(logits), filters);
    let [best, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    probs.forEach((p, id) => {
      const score = Math.log(p) - Math.log(-Math.log(uniform(seed, position, id)));
      if (score > best) [best, second] = [score, best];
      else if (score > second) second = score;
    });
    return best - second;
  }

  async function countAgreeing(rows: readonly SamplingCase[], kernel = sample): Promise<number> {
    const { ids } = await draw(auto, rows, {}, kernel);
    let clear = 0;
    rows.forEach((row, r) => {
      const filters = filtersOf(row);
      // Scores are below 40 in size, where f32 steps by 3.8e-6.
      if (gap(row, filters) <= 1e-4) return;
      clear++;
      const want = gumbelSample(Float64Array.from(row.logits), filters, row.seed ?? 0, row.position ?? 0);
      expect(ids[r], `row ${r}`).toBe(want);
    });
    return clear;
  }

  function rowsOf(V: number, R: number, scale: number, filters: Partial<SamplingFilters>): SamplingCase[] {
    return Array.from({ length: R }, (_, r) => {
      const logits = normals(r % 10, V, scale);
      return { ...filters, logits, seed: seedOf(r), position: (r * 7) % 1024 };
    });
  }

  test.each([
    { V: 257, R: 1500, scale: 1, filters: {} },
    { V: 257, R: 1500, scale: 2, filters: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 } },
    { V: 2, R: 500, scale: 1, filters: {} },
    { V: 8192, R: 100, scale: 1, filters: { temperature: 1.3 } },
    { V: 50257, R: 6, scale: 0.3, filters: {} },
  ])('V $V, $filters', async ({ V, R, scale, filters }) => {
    expect(await countAgreeing(rowsOf(V, R, scale, filters))).toBeGreaterThanOrEqual(0.99 * R - 1);
  });

  test.each<{ fault: string; changes: Changes }>([
    { fault: 'noise without the position', changes: [['sampling[words + POSITION]', '0u']] },
    { fault: 'noise without the upper word of the seed', changes: [['sampling[words + SEED_HIGH]', '0u']] },
    { fault: 'tokens passed over that could still win', changes: [['gumbel_bound(u) -', 'gumbel_bound(u) - 0.5 -']] },
  ])('and the check finds $fault', async ({ changes }) => {
    const rows = rowsOf(257, 1500, 1, {});
    await expect(countAgreeing(rows, mutant(sample, changes))).rejects.toThrow('row');
  });
});

describe('20480 draws', () => {
  const DRAWS = 20_480;
  const logits = Float32Array.of(0.3, -1.2, 2, 1.1, 0, -0.4, 1.9, -3);
  const filters = { temperature: 0.8, topK: 7, topP: 0.98, minP: 0.02 };

  /** χ² of drawn ids over the distribution, and its degrees of freedom. */
  function chiSquare(ids: readonly number[], probs: Float64Array): { chiSquare: number; freedom: number } {
    const counts = new Float64Array(probs.length);
    for (const id of ids) counts[id]! += 1;
    const kept = [...probs.keys()].filter((id) => probs[id]! > 0);
    expect(
      kept.reduce((sum, id) => sum + counts[id]!, 0),
      'draws of kept tokens',
    ).toBe(ids.length);
    const terms = kept.map((id) => (counts[id]! - ids.length * probs[id]!) ** 2 / (ids.length * probs[id]!));
    return { chiSquare: terms.reduce((sum, term) => sum + term, 0), freedom: kept.length - 1 };
  }

  /** Mean and variance of χ² are its degrees of freedom and twice that; five standard deviations. */
  const limit = (freedom: number) => freedom + 5 * Math.sqrt(2 * freedom);

  const ways: { what: string; at: (i: number) => { seed: number; position: number } }[] = [
    { what: 'seeds', at: (i) => ({ seed: i, position: 3 }) },
    { what: 'positions of one seed', at: (i) => ({ seed: 11, position: i }) },
  ];

  test.each(ways)('over $what follow the distribution', async ({ at }) => {
    const rows = Array.from({ length: DRAWS }, (_, i) => ({ ...filters, ...at(i), logits }));
    const { ids } = await draw(auto, rows);
    const result = chiSquare(ids, processLogits(Float64Array.from(logits), filters));
    expect(result.freedom).toBeGreaterThanOrEqual(4);
    expect(result.chiSquare).toBeLessThan(limit(result.freedom));
  });

  test('at a temperature 10 % too high do not', async () => {
    const rows = Array.from({ length: DRAWS }, (_, seed) => ({ logits, temperature: 0.88, seed }));
    const { ids } = await draw(auto, rows);
    const wrong = chiSquare(ids, processLogits(Float64Array.from(logits), filtersOf({ temperature: 0.8 })));
    expect(wrong.chiSquare).toBeGreaterThan(2 * limit(wrong.freedom));
    const right = chiSquare(ids, processLogits(Float64Array.from(logits), filtersOf({ temperature: 0.88 })));
    expect(right.chiSquare).toBeLessThan(limit(right.freedom));
  });
});

describe('a row has the same bits', () => {
  const V = 3001;
  const filterSets: Partial<SamplingFilters>[] = [
    {},
    { temperature: 0 },
    { topK: 50 },
    { topP: 0.9 },
    { topK: 900, topP: 0.7 },
    { minP: 0.05, temperature: 1.4 },
  ];
  // Steep rows fit the candidates of any number of lanes, flat ones of none, rounded ones have many equal logits.
  const shapes = [
    (i: number) => normals(i, V, 4),
    (i: number) => normals(i, V, 0.3),
    (i: number) => normals(i, V, 4).map(Math.round),
  ];
  const rows: SamplingCase[] = shapes.flatMap((logitsOf, s) =>
    filterSets.map((filters, i) => ({ ...filters, logits: logitsOf(10 * s + i), seed: 2 ** 40 + i, position: s })),
  );

  /** Ids and probabilities of all rows. */
  async function bits(device: Device, cases: readonly SamplingCase[], LANES?: number): Promise<Uint32Array[]> {
    const { ids, probs } = await drawWithProbs(device, cases, LANES === undefined ? {} : { LANES });
    return probs.map((p, r) => Uint32Array.of(ids[r]!, ...new Uint32Array(p.slice().buffer)));
  }

  let want: Uint32Array[];
  beforeAll(async () => {
    want = await bits(auto, rows);
  });

  test('whatever the number of lanes', async () => {
    for (const { overrides } of singleTunings(sampleProbs, auto.traits)) {
      const got = await bits(auto, rows, overrides.LANES);
      got.forEach((row, r) => {
        expectSameBits(row, want[r]!, `row ${r}, ${JSON.stringify(overrides)}`);
      });
    }
  });

  test('from the kernel that leaves no probabilities', async () => {
    expect((await draw(auto, rows)).ids).toEqual(want.map(([id]) => id));
  });

  test('alone, and among other rows in another order', async () => {
    const reversed = await bits(auto, [...rows].reverse());
    for (const [r, row] of rows.entries()) {
      expectSameBits(reversed.at(-1 - r)!, want[r]!, `row ${r} reversed`);
      const [alone] = await bits(auto, [row]);
      expectSameBits(alone!, want[r]!, `row ${r} alone`);
    }
  });

  test('on a device without optional features', async () => {
    const got = await bits(base, rows);
    got.forEach((row, r) => {
      expectSameBits(row, want[r]!, `row ${r}`);
    });
  });
});
