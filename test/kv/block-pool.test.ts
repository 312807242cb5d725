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

  test('refuses to free a block twice', () => {
    const pool = new BlockPool(2);
    const [block] = pool.allocate(1) ?? [];
    pool.free([Number(block)]);
    expect(() => pool.free([Number(block)])).toThrow('block to free is 0, expected one that is in use');
    pool.checkIntegrity();
  });

  test.each([2, -1, 0.5, Number.NaN])('refuses to free %s, which is no block of it', (foreign) => {
    const pool = new BlockPool(2);
    pool.allocate(2);
    expect(() => pool.free([foreign])).toThrow(`block to free is ${foreign}`);
    expect(pool.numFree).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses to hold %s blocks', (numBlocks) => {
    expect(() => new BlockPool(numBlocks)).toThrow('numBlocks is');
  });

  test('never gives a block to two owners under any order of calls', () => {
    const commands = fc.array(fc.record({ count: fc.nat(6), freed: fc.option(fc.nat(9)) }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), commands, (numBlocks, steps) => {
        const pool = new BlockPool(numBlocks);
        const owners: number[][] = [];
        for (const { count, freed } of steps) {
          if (freed !== null && owners.length > 0) pool.free(owners.splice(freed % owners.length, 1).flat());
          const numHeld = owners.flat().length;
          const blocks = pool.allocate(count);
          expect(blocks === null).toBe(count > numBlocks - numHeld);
          if (blocks !== null) owners.push(blocks);
          const held = owners.flat();
          expect(new Set(held).size).toBe(held.length);
          expect(held.every((block) => block >= 0 && block < numBlocks)).toBe(true);
          expect(pool.numFree).toBe(numBlocks - held.length);
          pool.checkIntegrity();
        }
      }),
      { seed: 1 },
    );
  });
});
