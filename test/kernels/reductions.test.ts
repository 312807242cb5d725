// Orders of sums by reduction class, the whole tiles and splits that they must consist of, and the kernels that have one.
import { expect, test } from 'vitest';
import { PLAIN_TRAITS } from '../../src/gpu/device-traits.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import { TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { fusionOf } from '../../src/kernels/fusions.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { modelKernels } from '../../src/models/kernels.ts';

test('the class software sums k in one chain and folds all splits at once', () => {
  expect(REDUCTIONS.software).toEqual({ chunkK: 0, splitKeys: 256, groupKeys: 0 });
});

test.each(REDUCTION_CLASSES)('in class %s a split has whole tiles of keys, a group whole splits', (reduction) => {
  const { splitKeys, groupKeys } = REDUCTIONS[reduction];
  expect(splitKeys % TILE_KEYS).toBe(0);
  expect(groupKeys % splitKeys).toBe(0);
});

test('the kernels whose sums depend on the class are those that are tested in both; all others are the same in both', () => {
  const kernels: readonly Kernel[] = Object.values(modelKernels);
  const labelIn = (kernel: Kernel, reduction: ReductionClass) => {
    const traits = { ...PLAIN_TRAITS, minSubgroupSize: 8, isSoftware: true, reduction };
    return labelOf(kernel.name, kernel.base(traits, {}));
  };
  const apart = kernels.filter(({ name }) => fusionOf(name) === null);
  const depending = apart.filter((kernel) => labelIn(kernel, 'software') !== labelIn(kernel, 'gpu'));
  expect(depending.map(({ name }) => name).sort()).toEqual([
    'attention',
    'attention_fold',
    'attention_split',
    'layernorm',
    'matmul',
    'matmul_kv_write',
    'rmsnorm',
  ]);
});
