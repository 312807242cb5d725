// Sums of hidden states against float64, and the bits of sums that come in chunks.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { poolInputs } from '../../src/kernels/pool-hidden/operands.ts';
import { poolHidden } from '../../src/kernels/pool-hidden/pool-hidden.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { checkPoolHidden, runPoolHidden } from '../support/kernels/pool-hidden-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

test.each([1, 63, 64, 65, 768])('sums of %i columns agree with float64 and are the same in chunks', (C) =>
  checkPoolHidden(device, C),
);

test('a sum is the chain of f32 additions in the order of the tokens', async () => {
  const inputs = poolInputs(3, 64);
  const got = floatsOf(await runPoolHidden(device, inputs));
  const { x, C, rows, sums } = inputs;
  for (const { first, end, slot, isContinued } of rows) {
    for (let c = 0; c < C; c++) {
      let sum = isContinued ? sums[slot * C + c]! : 0;
      for (let t = first; t < end; t++) sum = Math.fround(sum + x[t * C + c]!);
      expect(got[slot * C + c]).toBe(sum);
    }
  }
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'a sum that always goes on', changes: [['rows[row + IS_CONTINUED] != 0u', 'true']] },
    { fault: 'a sum that always starts', changes: [['rows[row + IS_CONTINUED] != 0u', 'false']] },
    { fault: 'a token that is left out', changes: [['t < end;', 't + 1u < end;']] },
    { fault: 'a token of the next row', changes: [['t < end;', 't <= end;']] },
    { fault: 'the slot of the row in place of its own', changes: [['rows[row + SLOT]', 'global.y']] },
    {
      fault: 'a sum of the chunk that is added to the sum before',
      changes: [
        ['var sum = 0.0;', 'var sum = 0.0; var before = 0.0;'],
        ['{ sum = sums[at]; }', '{ before = sums[at]; }'],
        ['sums[at] = sum;', 'sums[at] = before + sum;'],
      ],
    },
  ])('$fault', async ({ changes }) => {
    await expect(checkPoolHidden(device, 65, mutant(poolHidden, changes))).rejects.toThrow(/rows|sums/);
  });
});
