// Log-probabilities against float64, and the same bits in every variant.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { LOGPROB_WORDS, logprobs } from '../../src/kernels/logprobs/logprobs.ts';
import { logprobRows } from '../../src/kernels/logprobs/operands.ts';
import '../../src/testing/vitest.ts';
import { checkExtremeLogprobs, checkLogprobs, runLogprobs } from '../support/kernels/logprobs-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('log-probabilities', () => {
  test.each([1, 2, 7, 8, 19, 20, 21, 257, 8192, 50257])('of rows of %i agree with float64', (V) =>
    checkLogprobs(device, V),
  );

  test('have the same bits for every number of lanes, alone and among other rows', async () => {
    const rows = logprobRows(1500);
    const want = await runLogprobs(device, rows);
    for (const choice of logprobs.neighbours(device.traits, {})) {
      expect(await runLogprobs(device, rows, logprobs, choice)).toEqualBits(want, { label: JSON.stringify(choice) });
    }
    for (const [r, row] of rows.entries()) {
      const record = want.slice(r * LOGPROB_WORDS, (r + 1) * LOGPROB_WORDS);
      expect(await runLogprobs(device, [row])).toEqualBits(record, { label: `row ${r} alone` });
    }
  });

  test('of the greatest and least logits are finite, and those of a broken row NaN', () =>
    checkExtremeLogprobs(device));

  test('on a device without optional features have the same bits', async () => {
    using base = await Device.open({ features: 'base' });
    const rows = logprobRows(300);
    expect(await runLogprobs(base, rows)).toEqualBits(await runLogprobs(device, rows), { label: 'base' });
  });
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'a sum without its maximum', changes: [['logit - max_logit - log_sum', 'logit - log_sum']] },
    {
      fault: 'ties to the higher id',
      changes: [
        ['atomicMax(&maxima[2u * rank + 1u], ~mine.id)', 'atomicMax(&maxima[2u * rank + 1u], mine.id)'],
        ['~atomicLoad(&maxima[2u * rank + 1u])', 'atomicLoad(&maxima[2u * rank + 1u])'],
      ],
    },
    { fault: 'an equal logit that is passed over', changes: [['(key == last.key && id > last.id)', 'false']] },
    { fault: 'the next lower logit that is passed over', changes: [['key < last.key ||', 'key < last.key - 1u ||']] },
    { fault: 'a best token that is not replaced', changes: [['      mine = best_after(lane, start, token);\n', '']] },
    { fault: 'the chosen id of another row', changes: [['chosen[workgroup.x * params.J]', 'chosen[0]']] },
    { fault: 'one id too few', changes: [['rank < min(row_wanted,', 'rank + 1u < min(row_wanted,']] },
    { fault: 'a row that asked for nothing', changes: [['if (row_wanted == 0u) { return; }', '']] },
  ])('$fault', async ({ changes }) => {
    await expect(checkLogprobs(device, 257, mutant(logprobs, changes))).rejects.toThrow('row');
  });
});
