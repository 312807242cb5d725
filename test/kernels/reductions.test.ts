// Orders of sums by reduction class, and the whole tiles and splits that they must consist of.
import { expect, test } from 'vitest';
import { REDUCTION_CLASSES } from '../../src/gpu/reduction.ts';
import { TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';

test('the class software sums k in one chain and folds all splits at once', () => {
  expect(REDUCTIONS.software).toEqual({ chunkK: 0, splitKeys: 256, groupKeys: 0 });
});

test.each(REDUCTION_CLASSES)('in class %s a split has whole tiles of keys, a group whole splits', (reduction) => {
  const { splitKeys, groupKeys } = REDUCTIONS[reduction];
  expect(splitKeys % TILE_KEYS).toBe(0);
  expect(groupKeys % splitKeys).toBe(0);
});
