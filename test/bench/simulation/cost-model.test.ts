// The cost model finds the costs of a device whose costs are known, and its least squares are the least.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../../bench/load/random-stream.ts';
import { CostModel, type StepRow } from '../../../bench/simulation/cost-model.ts';
import { solveNonNegative } from '../../../bench/simulation/least-squares.ts';

const prefill = (numTokens: number, start = 0): StepRow => ({ start, numTokens, samples: true });
const decode = (start: number): StepRow => ({ start, numTokens: 1, samples: true });
const chunk = (numTokens: number, start: number): StepRow => ({ start, numTokens, samples: false });

/** Steps of every kind. */
const steps: StepRow[][] = [
  [prefill(10)],
  [prefill(40), decode(7)],
  [decode(3)],
  [decode(9), decode(30)],
  [decode(50), decode(60), decode(70)],
  [chunk(16, 0)],
  [chunk(16, 48), decode(20)],
  [chunk(100, 20), decode(1), decode(2)],
  [prefill(5), prefill(6)],
];

/** A device whose costs are known; a key read costs the same in a prompt and in a step of decoding. */
function milliseconds(rows: readonly StepRow[]): number {
  let total = 4;
  for (const { start, numTokens, samples } of rows) {
    total += (numTokens === 1 ? 2 : 0.5 * numTokens) + (samples ? 0.25 : 0);
    for (let token = 0; token < numTokens; token++) total += 0.001 * (start + token + 1);
  }
  return total;
}

describe('CostModel', () => {
  test('finds the costs of a device that has such costs, for steps that it has not seen, too', () => {
    const model = CostModel.fit(steps.map((rows) => ({ rows, milliseconds: milliseconds(rows) })));
    for (const rows of [...steps, [prefill(300)], [decode(900), chunk(33, 64)]]) {
      // The descent stops when no cost moves by more than 1e-12 of the largest; sums of thousands magnify that.
      expect(Math.abs(model.expect(rows) / milliseconds(rows) - 1)).toBeLessThan(1e-6);
    }
    expect(model.describe()).toBe(
      '4.00 ms / step + 0.500 ms / prefill tokens + 2.00 ms / decode rows + 0.00100 ms / keys read by decode rows + ' +
        '0.00100 ms / keys read by prefill tokens + 0.250 ms / sampled rows',
    );
  });

  test('scatters drawn times as the measured ones scattered', () => {
    const measured = steps.flatMap((rows) => [
      { rows, milliseconds: milliseconds(rows) * 0.8 },
      { rows, milliseconds: milliseconds(rows) * 1.2 },
    ]);
    const model = CostModel.fit(measured);
    const random = new RandomStream(1, 'step times');
    const ratios = Array.from({ length: 100 }, () => model.draw([decode(5)], random) / milliseconds([decode(5)]));
    expect(new Set(ratios.map((ratio) => ratio.toFixed(6)))).toEqual(new Set(['0.800000', '1.200000']));
  });

  test('lets the hiccups of short steps lengthen short steps only', () => {
    const measured = Array.from({ length: 64 }, (_, i) => [
      { rows: [decode(5)], milliseconds: i % 2 === 0 ? 7 : 70 },
      { rows: [prefill(400)], milliseconds: 900 },
    ]).flat();
    const model = CostModel.fit(measured);
    const random = new RandomStream(2, 'step times');
    const draw = (rows: StepRow[]) => new Set(Array.from({ length: 50 }, () => model.draw(rows, random).toFixed(6)));
    expect(draw([decode(5)])).toEqual(new Set(['7.000000', '70.000000']));
    expect(draw([prefill(400)])).toEqual(new Set(['900.000000']));
  });

  test('has no negative cost, whatever was measured', () => {
    const step = fc.record({
      rows: fc.constantFrom(...steps),
      milliseconds: fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (measured) => {
        const model = CostModel.fit(measured);
        const times = steps.map((rows) => model.expect(rows));
        expect(times.every((time) => Number.isFinite(time) && time >= 0)).toBe(true);
      }),
    );
  });

  test('refuses steps that took no time', () => {
    const message = 'milliseconds of all recorded steps is 0, expected a number > 0';
    expect(() => CostModel.fit([])).toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
    expect(() => CostModel.fit([{ rows: [decode(1)], milliseconds: 0 }])).toThrow(message);
  });
});

describe('solveNonNegative', () => {
  test('meets the conditions of Karush, Kuhn and Tucker: no cost can be changed for the better', () => {
    const number = fc.integer({ min: -9, max: 9 });
    const system = fc.array(fc.tuple(number, number, number, number), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(system, (rows) => {
        const columns = rows.map(([a, b, c]) => [a, b, c]);
        const targets = rows.map(([, , , target]) => target);
        const x = solveNonNegative(columns, targets);
        const residuals = columns.map((row, i) => row.reduce((sum, a, j) => sum + a * x[j]!, 0) - targets[i]!);
        // A gradient is a difference of terms of this size; nearly dependent columns leave some of it.
        const length = (values: readonly number[]) => Math.hypot(...values);
        const size =
          length(targets) + x.reduce((sum, value, j) => sum + value * length(columns.map((row) => row[j]!)), 0);
        for (const [j, value] of x.entries()) {
          const gradient = columns.reduce((sum, row, i) => sum + row[j]! * residuals[i]!, 0);
          const tolerance = 1e-3 * size * length(columns.map((row) => row[j]!));
          expect(value).toBeGreaterThanOrEqual(0);
          expect(gradient).toBeGreaterThanOrEqual(-tolerance);
          if (value > 1e-6) expect(Math.abs(gradient)).toBeLessThanOrEqual(tolerance);
        }
      }),
    );
  });
});
