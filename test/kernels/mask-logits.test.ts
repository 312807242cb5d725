// Masked logits against the reference, exactly: all that is not masked keeps its bits.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { maskLogits } from '../../src/kernels/mask-logits/mask-logits.ts';
import { adjustedMaskedRows, maskedRows } from '../../src/kernels/mask-logits/operands.ts';
import { normals } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';
import { checkMaskLogits, checkUnmaskable, runMaskLogits } from '../support/kernels/mask-logits-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { drawWithProbs } from '../support/kernels/sampling-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('masked logits', () => {
  test.each([1, 31, 32, 33, 257, 8192, 8193])('of rows of %i are those of the reference', (V) =>
    checkMaskLogits(device, V),
  );

  test('of rows of 50257 are those of the reference', () => checkMaskLogits(device, 50257, maskLogits, 3));

  test('have the same bits for every number of lanes, alone and among other rows', async () => {
    const V = 2300;
    for (const rows of [maskedRows(V), adjustedMaskedRows(V)]) {
      const want = await runMaskLogits(device, rows);
      for (const choice of maskLogits.neighbours(device.traits, {})) {
        const got = await runMaskLogits(device, rows, maskLogits, choice);
        expect(got).toEqualBits(want, { label: JSON.stringify(choice) });
      }
      // As many ids of a lane as on a GPU.
      const wide = { constants: { IDS: 4 }, overrides: { LANES: 256 } };
      expect(await runMaskLogits(device, rows, maskLogits, wide)).toEqualBits(want, { label: 'a GPU' });
      for (const [r, row] of rows.entries()) {
        const alone = await runMaskLogits(device, [row]);
        expect(alone).toEqualBits(want.slice(r * V, (r + 1) * V), { label: `row ${r} alone` });
      }
    }
  });

  test('that are not finite stay as they are, for the sampler to find', () => checkUnmaskable(device));

  test('on a device without optional features have the same bits', async () => {
    using base = await Device.open({ features: 'base' });
    const rows = maskedRows(300);
    expect(await runMaskLogits(base, rows)).toEqualBits(await runMaskLogits(device, rows), { label: 'base' });
  });

  test('are never drawn, whatever the temperature and the filters', async () => {
    const V = 50;
    const mask = Uint32Array.of(0b1010 << 8, 1 << 17);
    const logits = normals(1, V).fill(90, 20, 30);
    const masked = floatsOf(await runMaskLogits(device, [{ logits, mask }])).slice();
    const filters = [{}, { topK: 20 }, { topP: 0.9 }, { topK: 20, topP: 0.999, minP: 0.001 }];
    const rows = [0, 0.7, 1, 1e30].flatMap((temperature) =>
      filters.flatMap((filter) =>
        Array.from({ length: 100 }, (_, seed) => ({ logits: masked, temperature, ...filter, seed })),
      ),
    );
    const { ids, finite } = await drawWithProbs(device, rows);
    expect(new Set(ids)).toEqual(new Set([9, 11, 49]));
    expect(new Set(finite)).toEqual(new Set([1]));
  });
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'bits from the highest down', changes: [['>> (first % WORD_BITS)', '>> (31u - first % WORD_BITS)']] },
    {
      fault: 'the mask of the next row',
      changes: [['let mask = rows[workgroup.y];', 'let mask = rows[workgroup.y] + 1u;']],
    },
    { fault: 'a mask that allows what it should not', changes: [['(bits & 1u) == 0u', '(bits & 1u) == 1u']] },
    { fault: 'a row without a mask that takes one', changes: [['if (mask != NO_MASK) {', 'if (true) {']] },
    { fault: 'rows of masks that are a word short', changes: [['params.V + WORD_BITS - 1u', 'params.V']] },
    { fault: 'adjusted logits that are overwritten', changes: [['is_masked || params.copies != 0u', 'true']] },
    { fault: 'the same bit for all ids of a lane', changes: [['bits >>= LANES % WORD_BITS;', '']] },
    { fault: 'logits that are not copied', changes: [['is_masked || params.copies != 0u', 'is_masked']] },
  ])('$fault', async ({ changes }) => {
    await expect(checkMaskLogits(device, 257, mutant(maskLogits, changes))).rejects.toThrow();
  });

  test('a logit that is no number and is masked', async () => {
    const faulty = mutant(maskLogits, [['(bitcast<u32>(logit) & EXPONENT) != EXPONENT', 'true']]);
    await expect(checkUnmaskable(device, faulty)).rejects.toThrow();
  });
});
