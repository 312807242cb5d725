// The plain sampler against float64 and against the fast one. Both take weights and scores from the same functions of single
// tokens, and add up integers only: so their ids are equal in every row, those included where float64 decides by less than
// f32 can tell.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { drawRows } from '../../src/kernels/sample/operands.ts';
import { sampleNaive } from '../../src/kernels/sample/sample-naive.ts';
import { normals } from '../../src/util/random-values.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { checkNaiveDraws, checkSameDraws } from '../support/kernels/sample-naive-checks.ts';
import { drawPlainly } from '../support/kernels/sampling-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('the naive sampler', () => {
  test.each([
    { V: 1, R: 3, scale: 1, filters: {} },
    { V: 257, R: 600, scale: 1, filters: {} },
    { V: 257, R: 600, scale: 2, filters: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 } },
    { V: 8192, R: 20, scale: 1, filters: { temperature: 1.3 } },
  ])('draws the token of the float64 reference: V $V, $filters', async ({ V, R, scale, filters }) => {
    expect(await checkNaiveDraws(device, drawRows(V, R, scale, filters))).toBeGreaterThanOrEqual(0.99 * R - 1);
  });

  test('draws the ids of the fast one in every row', () => checkSameDraws(device));

  test('at temperature 0 takes the lowest id of the best logits, whatever the seed and the filters', async () => {
    const logits = normals(1, 700);
    for (const id of [612, 97, 98, 350]) logits[id] = 9;
    const rows = [0, 1, 2].map((seed) => ({ logits, temperature: 0, seed, topK: 5, topP: 0.1, minP: 1 }));
    expect((await drawPlainly(device, rows)).ids).toEqual([97, 97, 97]);
  });

  test('refuses more ids than there are', async () => {
    const refused = drawPlainly(device, [{ logits: new Float32Array(3) }], { allowed: 4 });
    await expect(refused).rejects.toThrow('sample_naive: allowed is 4, expected 1 to V = 3');
  });
});

describe('the checks above find', () => {
  test('a draw without noise', async () => {
    const silent = mutant(sampleNaive, [['gumbel(noise(row, id)) - distance', '-distance']]);
    await expect(checkNaiveDraws(device, drawRows(257, 60, 1, {}), silent)).rejects.toThrow('row');
  });

  test.each<{ fault: string; changes: Changes }>([
    { fault: 'one token more in top-k', changes: [['vec2u(top_k, 0u)', 'vec2u(top_k + 1u, 0u)']] },
    {
      fault: 'top-p of all tokens in place of those that top-k left',
      changes: [
        [
          'scale(weight_within(row, cut, cut, true), top_p)',
          'scale(weight_within(row, Cut(0u, 0u), Cut(0u, 0u), true), top_p)',
        ],
      ],
    },
    {
      fault: 'higher ids among equals',
      changes: [['var id = params.allowed - 1u;', 'return Cut(key, params.V);\n  var id = 0u;']],
    },
    { fault: 'no min-p', changes: [['reach = -ln(min_p);', '']] },
    { fault: 'a logit that is not finite', changes: [['finite = false;', '']] },
    {
      fault: 'filters on a greedy row',
      changes: [
        ['select(temperature, 1.0, greedy)', 'temperature'],
        ['finite && !greedy', 'finite'],
      ],
    },
  ])('$fault', async ({ changes }) => {
    await expect(checkSameDraws(device, mutant(sampleNaive, changes))).rejects.toThrow('row');
  });
});
