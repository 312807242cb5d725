// Rotary position embedding against float64: queries in place, keys and values in their slots, norms of heads; and bits that
// follow neither the batch nor the number of lanes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import { emptyCache } from '../../src/kernels/kv-write/operands.ts';
import { ropeInputs, ropeOperands } from '../../src/kernels/rope-kv-write/operands.ts';
import { normRopeKVWrite, ropeKVWrite } from '../../src/kernels/rope-kv-write/rope-kv-write.ts';
import { ropeNaive } from '../../src/kernels/rope-kv-write/rope-naive.ts';
import { asGpu } from '../support/gpu/as-gpu.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { checkRope, checkRopeNaive, type RopeShape } from '../support/kernels/rope-case.ts';
import { runKernel } from '../support/kernels/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const DTYPES: readonly KVDType[] = ['f32', 'f16'];
const SHAPES = [
  { SHARE: 1, G: 1, D: 2, P: 16 },
  { SHARE: 3, G: 1, D: 40, P: 16 },
  { SHARE: 2, G: 2, D: 64, P: 5 },
  { SHARE: 7, G: 2, D: 6, P: 1 },
  { SHARE: 2, G: 1, D: 256, P: 16 },
];

describe.each(DTYPES)('rope_kv_write into a cache of %s', (dtype) => {
  test.each(SHAPES)('rotates $SHARE queries a key of D $D, and puts $G keys and values into slots of $P', (shape) =>
    checkRope(device, { ...shape, numBlocks: 9, dtype }),
  );

  test.each(SHAPES)('does so after norms of heads: $SHARE queries a key, D $D', (shape) =>
    checkRope(device, { ...shape, numBlocks: 9, dtype, eps: 1e-6 }),
  );
});

test.each([
  ['a software adapter', (each: Device) => each],
  ['a GPU', asGpu],
])('it does so with any number of lanes: the variants of %s', async (_, as) => {
  const on = as(device);
  const shape: RopeShape = { SHARE: 2, G: 2, D: 40, P: 16, numBlocks: 9, dtype: 'f32' };
  for (const tuning of ropeKVWrite.variants(on.traits)) await checkRope(on, shape, undefined, tuning);
  for (const tuning of normRopeKVWrite.variants(on.traits))
    await checkRope(on, { ...shape, eps: 1 }, undefined, tuning);
});

test.each([2, 40, 130])('the plain form rotates heads of %d', (D) =>
  checkRopeNaive(device, { G: 3, D, P: 16, numBlocks: 9, dtype: 'f32' }),
);

test.each<[{ readonly D: number; readonly dtype?: KVDType }, string]>([
  [{ D: 7 }, 'rope_kv_write: D is 7, expected an even number of at most 256'],
  [{ D: 258 }, 'rope_kv_write: D is 258, expected an even number of at most 256'],
  [{ D: 64, dtype: 'f16' }, 'rope_kv_write: kv has rows of 32 words, expected 64 for D = 64'],
])('a head that does not fit is refused: %o', async ({ D, dtype = 'f32' }, message) => {
  const cache = { G: 1, D, P: 4, numBlocks: 2, dtype };
  const { tensors, scalars } = ropeOperands(ropeInputs(1, { ...cache, D: D - (D % 2) }, { H: 1, T: 1 }));
  const rows = (columns: number) => ({ data: new Float32Array(columns), shape: [1, columns] });
  const all = { ...tensors, qkv: rows(3 * D), rope: rows(D), kv: emptyCache(cache).operand };
  await expect(runKernel(device, ropeKVWrite, all, scalars)).rejects.toThrow(message);
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes; eps?: number }>([
    { fault: 'padding that is written', changes: [['if (!is_q && slot_mapping[t] < 0) { return; }', '']] },
    { fault: 'queries of padding that are not rotated', changes: [['!is_q && slot_mapping', 'slot_mapping']] },
    {
      fault: 'a turn the other way',
      changes: [['select(partner, -partner, is_first)', 'select(-partner, partner, is_first)']],
    },
    { fault: 'neighbours as pairs', changes: [['x[select(pair, pair + num_pairs, is_first)]', 'x[d ^ 1u]']] },
    { fault: 'values that are rotated', changes: [['select(rotated(near), x[near], is_v)', 'rotated(near)']] },
    { fault: 'the angles of the token’s place in the batch', changes: [['u32(positions[t])', 't']] },
    { fault: 'values that are normed', changes: [['if (!is_v) { normalize', 'if (true) { normalize']], eps: 1 },
    { fault: 'a sum without epsilon', changes: [['+ params.eps', '']], eps: 1 },
    {
      fault: 'gains of the other norm',
      changes: [['select(k_gamma[d], q_gamma[d]', 'select(q_gamma[d], k_gamma[d]']],
      eps: 1,
    },
  ])('$fault', async ({ changes, eps }) => {
    const shape: RopeShape = { SHARE: 2, G: 2, D: 6, P: 5, numBlocks: 9, dtype: 'f32', ...(eps && { eps }) };
    const kernels = {
      plain: eps ? ropeKVWrite : mutant(ropeKVWrite, changes),
      normed: eps ? mutant(normRopeKVWrite, changes) : normRopeKVWrite,
    };
    // A negative slot is off either end: adapters drop the write, or move it to the last word that is bound.
    await expect(checkRope(device, shape, kernels)).rejects.toThrow(/elements fail|was overwritten/);
  });

  test('a plain form that turns the other way', async () => {
    const backwards = mutant(ropeNaive, [['cosine - x[second] * sine', 'cosine + x[second] * sine']]);
    const shape = { G: 3, D: 40, P: 16, numBlocks: 9, dtype: 'f32' } as const;
    await expect(checkRopeNaive(device, shape, backwards)).rejects.toThrow(/elements fail/);
  });
});
