// Draws of the sampler: the token of the float64 reference, a distribution that passes χ², the same bits in every
// variant and batch.
// @module-tag sweep
import { beforeAll, describe, expect, test } from 'vitest';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { drawRows, filtersOf } from '../../src/kernels/sample/operands.ts';
import { sample, sampleProbs } from '../../src/kernels/sample/sample.ts';
import { processLogits } from '../../src/reference/sampling.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { draw } from '../support/kernels/sampling-case.ts';
import { bitRows, bitsOf, checkDraws, checkNoiseTies, expectSameRows } from '../support/kernels/sampling-checks.ts';

const devices = new TestDevices();

describe('draws the token of the float64 reference', () => {
  test.each([
    { V: 257, R: 1500, scale: 1, filters: {} },
    { V: 257, R: 1500, scale: 2, filters: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 } },
    { V: 2, R: 500, scale: 1, filters: {} },
    { V: 8192, R: 100, scale: 1, filters: { temperature: 1.3 } },
    { V: 50257, R: 6, scale: 0.3, filters: {} },
  ])('V $V, $filters', async ({ V, R, scale, filters }) => {
    expect(await checkDraws(devices.auto, drawRows(V, R, scale, filters))).toBeGreaterThanOrEqual(0.99 * R - 1);
  });

  test('the lower id of two with equal scores', () => checkNoiseTies(devices.auto));

  test('and the check of those finds the higher id', async () => {
    const higher = mutant(sample, [['(candidate == score && id < drawn)', '(candidate == score && id > drawn)']]);
    await expect(checkNoiseTies(devices.auto, higher)).rejects.toThrow('121');
  });

  test.each<{ fault: string; changes: Changes }>([
    { fault: 'noise without the position', changes: [['sampling[words + POSITION]', '0u']] },
    { fault: 'noise without the upper word of the seed', changes: [['sampling[words + SEED_HIGH]', '0u']] },
    { fault: 'tokens passed over that could still win', changes: [['gumbel_bound(u) -', 'gumbel_bound(u) - 0.5 -']] },
  ])('and the check finds $fault', async ({ changes }) => {
    const rows = drawRows(257, 1500, 1, {});
    await expect(checkDraws(devices.auto, rows, mutant(sample, changes))).rejects.toThrow('row');
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
    const { ids } = await draw(devices.auto, rows);
    const result = chiSquare(ids, processLogits(Float64Array.from(logits), filters));
    expect(result.freedom).toBeGreaterThanOrEqual(4);
    expect(result.chiSquare).toBeLessThan(limit(result.freedom));
  });

  test('at a temperature 10 % too high do not', async () => {
    const rows = Array.from({ length: DRAWS }, (_, seed) => ({ logits, temperature: 0.88, seed }));
    const { ids } = await draw(devices.auto, rows);
    const wrong = chiSquare(ids, processLogits(Float64Array.from(logits), filtersOf({ temperature: 0.8 })));
    expect(wrong.chiSquare).toBeGreaterThan(2 * limit(wrong.freedom));
    const right = chiSquare(ids, processLogits(Float64Array.from(logits), filtersOf({ temperature: 0.88 })));
    expect(right.chiSquare).toBeLessThan(limit(right.freedom));
  });
});

describe('a row has the same bits', () => {
  const rows = bitRows();

  let want: Uint32Array[];
  beforeAll(async () => {
    want = await bitsOf(devices.auto, rows);
  });

  test('with the fewest lanes and the most', () => expectBitsOf((widths) => [widths[0]!, widths.at(-1)!]));

  test('whatever the number of lanes', { tags: ['slow'] }, () => expectBitsOf((widths) => widths));

  async function expectBitsOf(pick: (widths: readonly VariantChoice[]) => readonly VariantChoice[]): Promise<void> {
    for (const { overrides } of pick(sampleProbs.neighbours(devices.auto.traits, {}))) {
      const got = await bitsOf(devices.auto, rows, overrides?.LANES);
      expectSameRows(got, want, JSON.stringify(overrides));
    }
  }

  test('from the kernel that leaves no probabilities', async () => {
    expect((await draw(devices.auto, rows)).ids).toEqual(want.map(([id]) => id));
  });

  test('alone, and among other rows in another order', async () => {
    const reversed = await bitsOf(devices.auto, [...rows].reverse());
    for (const [r, row] of rows.entries()) {
      expect(reversed.at(-1 - r)!).toEqualBits(want[r]!, { label: `row ${r} reversed` });
      const [alone] = await bitsOf(devices.auto, [row]);
      expect(alone!).toEqualBits(want[r]!, { label: `row ${r} alone` });
    }
  });

  test('on a device without optional features', async () => {
    expectSameRows(await bitsOf(devices.base, rows), want, 'base');
  });
});
