// Adjusted logits against float64 and, after the sampler, against Hugging Face.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { adjustLogits } from '../../src/kernels/adjust-logits/adjust-logits.ts';
import { type AdjustedRow, adjustedRows } from '../../src/kernels/adjust-logits/operands.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { normals } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';
import { checkAdjustLogits, checkExtremeLogits, runAdjustLogits } from '../support/kernels/adjust-logits-case.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { drawWithProbs } from '../support/kernels/sampling-case.ts';
import { samplingFixtures } from '../support/sampling-fixtures.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('followed by the sampler, the distribution of a row equals Hugging Face', () => {
  test.each(samplingFixtures)('$name', async ({ name, logits: given, penalties, filters, probs: want }) => {
    const row: AdjustedRow = { ...penalties, logits: Float32Array.from(given) };
    // The figure that the project promises. A pending newest id must not change it.
    for (const isNewestPending of penalties.outputIds.length > 0 ? [false, true] : [false]) {
      const logits = floatsOf(await runAdjustLogits(device, [{ ...row, isNewestPending }])).slice();
      const { probs } = await drawWithProbs(device, [{ logits, ...filters }]);
      expect(probs[0]!).toBeWithin(want, { abs: 1e-5 }, { label: name });
    }
  });
});

describe('adjusted logits', () => {
  test.each([1, 2, 7, 8, 9, 257, 8192])('of rows of %i agree with float64', (V) => checkAdjustLogits(device, V));

  test('of rows of 50257 agree with float64', () => checkAdjustLogits(device, 50257, adjustLogits, 6));

  test('have the same bits for every number of lanes, alone and among other rows', async () => {
    const V = 700;
    const rows = adjustedRows(V);
    const want = await runAdjustLogits(device, rows);
    for (const choice of adjustLogits.neighbours(device.traits, {})) {
      const got = await runAdjustLogits(device, rows, adjustLogits, choice);
      expect(got).toEqualBits(want, { label: JSON.stringify(choice) });
    }
    for (const [r, row] of rows.entries()) {
      expect(await runAdjustLogits(device, [row])).toEqualBits(want.slice(r * V, (r + 1) * V), {
        label: `row ${r} alone`,
      });
    }
  });

  test('are the same with the newest id on the host and on the GPU', async () => {
    const rows = adjustedRows(700);
    const onHost = await runAdjustLogits(
      device,
      rows.map((row) => ({ ...row, isNewestPending: false })),
    );
    expect(await runAdjustLogits(device, rows)).toEqualBits(onHost, { label: 'newest' });
  });

  test('stay finite, and not finite where the model gave no number', () => checkExtremeLogits(device));

  test('on a device without optional features have the same bits', async () => {
    using base = await Device.open({ features: 'base' });
    const rows = adjustedRows(300);
    expect(await runAdjustLogits(base, rows)).toEqualBits(await runAdjustLogits(device, rows), { label: 'base' });
  });

  test('of masked ids are never drawn, whatever the temperature', async () => {
    const logits = normals(1, 50).fill(90, 10, 14);
    const masked = floatsOf(await runAdjustLogits(device, [{ logits, maskedIds: [10, 11, 12, 13] }])).slice();
    const rows = [0, 0.7, 1, 1e30].flatMap((temperature) =>
      Array.from({ length: 500 }, (_, seed) => ({ logits: masked, temperature, seed })),
    );
    const { ids, finite } = await drawWithProbs(device, rows);
    expect(ids.filter((id) => id >= 10 && id < 14)).toEqual([]);
    expect(new Set(finite)).toEqual(new Set([1]));
  });
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    {
      fault: 'a repetition penalty that divides all logits',
      changes: [['select(x * repetition,', 'select(x / repetition,']],
    },
    { fault: 'a bias that is left out', changes: [['var x = logit + bias;', 'var x = logit;']] },
    { fault: 'a presence penalty for every count', changes: [['if (count > 0u) { x -=', 'if (true) { x -=']] },
    { fault: 'a frequency penalty that is added', changes: [['fma(-f32(count)', 'fma(f32(count)']] },
    { fault: 'a newest id that does not count', changes: [['      count++;\n', '']] },
    { fault: 'a newest id that is not seen', changes: [['      flags |= SEEN;\n', '']] },
    { fault: 'a newest id without an entry left out', changes: [['atomicLoad(&has_entry) == 0u', 'false']] },
    { fault: 'a newest id that is adjusted twice', changes: [[' && atomicLoad(&has_entry) == 0u', '']] },
    { fault: 'an entry of the next row', changes: [['e < rows[row + END_ENTRY]', 'e <= rows[row + END_ENTRY]']] },
    { fault: 'a mask that is left out', changes: [['(flags & MASKED) != 0u', 'false']] },
  ])('$fault', async ({ changes }) => {
    await expect(checkAdjustLogits(device, 257, mutant(adjustLogits, changes))).rejects.toThrow('row');
  });

  test.each<{ fault: string; changes: Changes }>([
    {
      fault: 'logits that overflow',
      changes: [
        [
          'clamp(select(x * repetition, x / repetition, x > 0.0), -LIMIT, LIMIT)',
          'select(x * repetition, x / repetition, x > 0.0)',
        ],
      ],
    },
    { fault: 'a logit that is no number and is masked', changes: [['== EXPONENT', '== EXPONENT + 1u']] },
  ])('$fault', async ({ changes }) => {
    await expect(checkExtremeLogits(device, mutant(adjustLogits, changes))).rejects.toThrow('row');
  });
});
