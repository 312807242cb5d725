// Arithmetic of a sliding sequence's blocks, against a list of the keys that each token sees.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxBlocksHeld, numBlocksUnseen } from '../../src/kv/sequence-blocks.ts';

const sizes = fc.record({
  blockSize: fc.integer({ min: 1, max: 9 }),
  window: fc.integer({ min: 1, max: 30 }),
  maxBatchTokens: fc.integer({ min: 1, max: 30 }),
});

/** Blocks of the keys that tokens `start` to `end` − 1 see, and of their own. */
function blocksSeen(start: number, end: number, { blockSize, window }: { blockSize: number; window: number }) {
  const blocks = new Set<number>();
  for (let key = Math.max(0, start - window + 1); key < end; key++) blocks.add(Math.floor(key / blockSize));
  return blocks;
}

describe('a sequence that slides', () => {
  test('has as many blocks at a time as its worst chunk needs, and no more', () => {
    const property = fc.property(sizes, fc.nat(100), (size, numTokens) => {
      let most = 0;
      for (let start = 0; start < numTokens; start++) {
        const end = Math.min(start + size.maxBatchTokens, numTokens);
        most = Math.max(most, blocksSeen(start, end, size).size);
      }
      expect(maxBlocksHeld(numTokens, size)).toBeGreaterThanOrEqual(most);
      // Long enough for every alignment of a chunk that is not cut short.
      if (numTokens >= size.window + size.maxBatchTokens + 2 * size.blockSize) {
        expect(maxBlocksHeld(numTokens, size)).toBe(most);
      }
    });
    fc.assert(property, { seed: 3, numRuns: 2000 });
  });

  test('does not see exactly the blocks before those that it sees', () => {
    const property = fc.property(sizes, fc.nat(100), (size, position) => {
      expect(numBlocksUnseen(position, size)).toBe(Math.min(...blocksSeen(position, position + 1, size)));
    });
    fc.assert(property, { seed: 4, numRuns: 2000 });
  });
});

test('a sequence that sees all keys has all blocks', () => {
  expect(maxBlocksHeld(100, { blockSize: 16, maxBatchTokens: 8 })).toBe(7);
  expect(numBlocksUnseen(1000, { blockSize: 16 })).toBe(0);
  expect(maxBlocksHeld(100, { blockSize: 16, window: 8 })).toBe(7); // in one chunk
});
