// The block pool against a plain list of owners: no block has two uses, and none is lost.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockPool } from '../../src/kv/block-pool.ts';

describe('BlockPool', () => {
  test('hands out each block once and none when fewer are free than asked for', () => {
    const pool = new BlockPool(4);
    const three = pool.allocate(3);
    expect(three).toEqual([0, 1, 2]);
    expect(pool.allocate(2)).toBeNull();
    expect(pool.numFree).toBe(1);
    expect(pool.allocate(1)).toEqual([3]);
    expect(pool.allocate(0)).toEqual([]);
    pool.checkIntegrity();
  });

  test('refuses to free a block once more than it has owners', () => {
    const pool = new BlockPool(2);
    pool.allocate(1);
    pool.share(0);
    pool.free(0);
    pool.free(0);
    expect(() => pool.free(0)).toThrow('block to free is 0, expected one that is in use');
    pool.checkIntegrity();
  });

  test.each([2, -1, 0.5, Number.NaN])('refuses to free or share %s, which is no block of it', (foreign) => {
    const pool = new BlockPool(2);
    pool.allocate(2);
    expect(() => pool.free(foreign)).toThrow(`block to free is ${foreign}`);
    expect(() => pool.share(foreign)).toThrow(`block to share is ${foreign}`);
    expect(pool.numFree).toBe(0);
  });

  test('refuses to share a free block without contents', () => {
    const pool = new BlockPool(1);
    expect(() => pool.share(0)).toThrow('block to share is 0, expected one that is in use or was kept');
  });

  test('gives kept blocks away last, the one that was freed first before the others', () => {
    const pool = new BlockPool(4);
    pool.allocate(4);
    pool.free(2, true);
    pool.free(0, true);
    pool.free(3);
    pool.free(1, true);
    expect(pool.allocate(3)).toEqual([3, 2, 0]);
    pool.share(1);
    expect(pool.numFree).toBe(0);
    pool.checkIntegrity();
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses to hold %s blocks', (numBlocks) => {
    expect(() => new BlockPool(numBlocks)).toThrow('numBlocks is');
  });

  test('counts owners and free blocks as a plain list does under any order of calls', () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('allocate' as const), count: fc.nat(6) }),
      fc.record({ kind: fc.constantFrom('share' as const, 'free' as const, 'keep' as const), which: fc.nat(20) }),
    );
    const commands = fc.array(command, { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), commands, (numBlocks, steps) => {
        const pool = new BlockPool(numBlocks);
        // Each owner of each block, and the blocks that were freed to be kept.
        const owned: number[] = [];
        const kept: number[] = [];
        for (const step of steps) {
          const numUsed = new Set(owned).size;
          if (step.kind === 'allocate') {
            const blocks = pool.allocate(step.count);
            expect(blocks === null).toBe(step.count > numBlocks - numUsed);
            expect(blocks?.some((block) => owned.includes(block)) ?? false).toBe(false);
            for (const block of blocks ?? []) if (kept.includes(block)) kept.splice(kept.indexOf(block), 1);
            owned.push(...(blocks ?? []));
          } else if (step.kind === 'share') {
            const sharable = [...owned, ...kept];
            const block = sharable[step.which % sharable.length];
            if (block === undefined) continue;
            pool.share(block);
            if (kept.includes(block)) kept.splice(kept.indexOf(block), 1);
            owned.push(block);
          } else if (owned.length > 0) {
            const [block = 0] = owned.splice(step.which % owned.length, 1);
            pool.free(block, step.kind === 'keep');
            if (step.kind === 'keep' && !owned.includes(block)) kept.push(block);
          }
          for (let block = 0; block < numBlocks; block++) {
            expect(pool.refCount(block)).toBe(owned.filter((each) => each === block).length);
          }
          expect(pool.numFree).toBe(numBlocks - new Set(owned).size);
          pool.checkIntegrity();
        }
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});
