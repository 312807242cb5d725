import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KVCacheManager } from '../../src/kv/kv-cache-manager.ts';

describe('KVCacheManager', () => {
  test('grows a table only when tokens pass the end of its last block', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const sequence = { numComputedTokens: 0 };
    const lengths = [3, 1, 1, 3, 1].map((numTokens) => {
      expect(kv.allocateSlots(sequence, numTokens)).toBe(true);
      sequence.numComputedTokens += numTokens;
      return kv.blockTable(sequence).length;
    });
    expect(lengths).toEqual([1, 1, 2, 2, 3]);
    expect(kv.numFreeBlocks).toBe(5);
  });

  test('keeps the blocks of a sequence in their places while it grows', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 1 });
    const [a, b] = [{ numComputedTokens: 0 }, { numComputedTokens: 0 }];
    kv.allocateSlots(a, 2);
    kv.allocateSlots(b, 2);
    const before = [...kv.blockTable(a)];
    kv.allocateSlots(a, 4);
    expect(kv.blockTable(a).slice(0, 2)).toEqual(before);
    expect(new Set([...kv.blockTable(a), ...kv.blockTable(b)]).size).toBe(6);
  });

  test('changes nothing when the pool lacks a block', () => {
    const kv = new KVCacheManager({ numBlocks: 3, blockSize: 4 });
    const [a, b] = [{ numComputedTokens: 0 }, { numComputedTokens: 0 }];
    expect(kv.allocateSlots(a, 8)).toBe(true);
    expect(kv.allocateSlots(b, 5)).toBe(false);
    expect(kv.blockTable(b)).toEqual([]);
    expect(kv.allocateSlots(a, 13)).toBe(false);
    expect(kv.blockTable(a)).toHaveLength(2);
    expect(kv.numFreeBlocks).toBe(1);
    kv.checkIntegrity();
  });

  test('frees once, however often it is asked to', () => {
    const kv = new KVCacheManager({ numBlocks: 3, blockSize: 4 });
    const sequence = { numComputedTokens: 0 };
    kv.allocateSlots(sequence, 12);
    kv.free(sequence);
    kv.free(sequence);
    expect(kv.numFreeBlocks).toBe(3);
    expect(kv.blockTable(sequence)).toEqual([]);
    kv.checkIntegrity();
  });

  test.each([0, 1.5, Number.NaN])('refuses blocks of %s tokens', (blockSize) => {
    expect(() => new KVCacheManager({ numBlocks: 3, blockSize })).toThrow('blockSize is');
  });

  test('agrees with counting under any order of calls', () => {
    const command = fc.record({ who: fc.nat(4), numTokens: fc.integer({ min: 1, max: 9 }), free: fc.boolean() });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(command, { maxLength: 60 }),
        (numBlocks, blockSize, commands) => {
          const kv = new KVCacheManager({ numBlocks, blockSize });
          const sequences = Array.from({ length: 5 }, () => ({ numComputedTokens: 0 }));
          const blocksOf = (numTokens: number): number => Math.ceil(numTokens / blockSize);
          const held = (): number => sequences.reduce((sum, each) => sum + blocksOf(each.numComputedTokens), 0);
          for (const { who, numTokens, free } of commands) {
            const sequence = sequences[who] ?? { numComputedTokens: 0 };
            const { numComputedTokens } = sequence;
            if (free) {
              kv.free(sequence);
              sequence.numComputedTokens = 0;
            } else {
              const missing = blocksOf(numComputedTokens + numTokens) - blocksOf(numComputedTokens);
              const fits = missing <= numBlocks - held();
              expect(kv.allocateSlots(sequence, numTokens)).toBe(fits);
              if (fits) sequence.numComputedTokens += numTokens;
            }
            expect(kv.numFreeBlocks).toBe(numBlocks - held());
            kv.checkIntegrity();
          }
        },
      ),
      { seed: 1 },
    );
  });
});
