// Keys and values in their slots, for each head size, storage and number of lanes; other slots keep their contents.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { hostTensor } from '../../src/kernels/kernel-case.ts';
import { type KVDType, kvWrite } from '../../src/kernels/kv-write/kv-write.ts';
import { emptyCache } from '../../src/kernels/kv-write/operands.ts';
import type { CacheShape } from '../../src/kernels/kv-write/paged-cache.ts';
import { normals } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';
import { checkKVWrite } from '../support/kernels/kv-write-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { runKernel } from '../support/kernels/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const DTYPES: readonly KVDType[] = ['f32', 'f16'];
const SHAPES = [
  { G: 1, H: 1, D: 1, P: 16 },
  { G: 5, H: 5, D: 12, P: 16 },
  { G: 3, H: 9, D: 7, P: 5 },
  { G: 2, H: 2, D: 31, P: 1 },
  { G: 2, H: 2, D: 33, P: 16 },
  { G: 12, H: 12, D: 64, P: 16 },
  { G: 2, H: 14, D: 8, P: 16 },
];

describe.each(DTYPES)('kv_write of %s', (dtype) => {
  test.each(SHAPES)(
    'puts each head of k and v into its slot and nothing anywhere else: G $G, H $H, D $D, P $P',
    (shape) => checkKVWrite(device, { ...shape, numBlocks: 9, dtype }),
  );
});

test('kv_write does so with any number of lanes', async () => {
  const shape = { G: 2, H: 2, D: 33, P: 16, numBlocks: 9, dtype: 'f32' } as const;
  for (const tuning of kvWrite.variants(device.traits)) await checkKVWrite(device, shape, kvWrite, tuning);
});

test('kv_write rounds to a neighbouring f16', async () => {
  const D = 64;
  const qkv = normals(3, 3 * D);
  const operands = {
    qkv: hostTensor(qkv, 1, 3 * D),
    slot_mapping: hostTensor(Int32Array.of(0), 1),
    kv: emptyCache({ numBlocks: 1, G: 1, P: 1, D, dtype: 'f16' }).operand,
  };
  const words = await runKernel(device, kvWrite, operands, { D }, { conditions: { KV_F16: true } });
  const got = new Float16Array(words.buffer, words.byteOffset, 2 * D);
  // A unit in the last place of f16 is at most 2^-10 of a normal number.
  const want = qkv.subarray(D);
  expect(got).toBeWithin(
    want,
    want.map((value) => Math.abs(value) * 2 ** -10 + 2 ** -24),
    { label: 'f16' },
  );
});

test('kv_write refuses a cache with rows of another length', async () => {
  const shape: CacheShape = { numBlocks: 9, G: 2, P: 16, D: 64, dtype: 'f16' };
  const operands = {
    qkv: hostTensor(new Float32Array(3 * 128), 1, 3 * 128),
    slot_mapping: hostTensor(Int32Array.of(0), 1),
    kv: emptyCache(shape).operand,
  };
  const run = runKernel(device, kvWrite, operands, { D: 64 });
  await expect(run).rejects.toThrow('kv_write: kv has rows of 32 words, expected 64 for D = 64');
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'padding that is written', changes: [['if (slot_mapping[t] < 0) { return; }', '']] },
    {
      fault: 'keys in place of values',
      changes: [['(2u - is_v)', '(1u + is_v)']],
    },
    {
      fault: 'heads in another order',
      changes: [['* params.G - g)', '* params.G - (params.G - 1u - g))']],
    },
  ])('$fault', async ({ changes }) => {
    const shape = { numBlocks: 9, G: 3, H: 6, D: 7, P: 5, dtype: 'f32' } as const;
    // A negative slot is off either end: adapters drop the write, or move it to the last word that is bound.
    await expect(checkKVWrite(device, shape, mutant(kvWrite, changes))).rejects.toThrow(/words differ|was overwritten/);
  });
});
