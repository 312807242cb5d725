// The prefix cache: a block is found after its own prefix only, and tokens decide where hashes are equal.
import { describe, expect, test } from 'vitest';
import { type CachedBlock, PrefixCache } from '../../src/kv/prefix-cache.ts';

const cacheOf = (...blocks: readonly (readonly number[])[]) => {
  const cache = new PrefixCache(8);
  const chain: CachedBlock[] = [];
  for (const [block, ids] of blocks.entries()) chain.push(cache.add('', chain.at(-1) ?? null, ids, block));
  return { cache, chain };
};

describe('PrefixCache', () => {
  test('finds a block after its prefix and nowhere else', () => {
    const { cache, chain } = cacheOf([1, 2], [3, 4]);
    expect(cache.find('', null, [1, 2])).toBe(chain[0]);
    expect(cache.find('', chain[0]!, [3, 4])).toBe(chain[1]);
    expect(cache.find('', null, [3, 4])).toBe('new');
    expect(cache.find('', chain[1]!, [3, 4])).toBe('new');
  });

  test('does not find the blocks of another group', () => {
    const { cache } = cacheOf([1, 2]);
    expect(cache.find('other', null, [1, 2])).toBe('new');
  });

  test('compares tokens: blocks with the same hash are distinguished', () => {
    const cache = new PrefixCache(8, { hash: () => 7 });
    const a = cache.add('', null, [1, 2], 0);
    const b = cache.add('', null, [2, 1], 1);
    const c = cache.add('x', null, [1, 2], 2);
    expect([cache.find('', null, [1, 2]), cache.find('', null, [2, 1]), cache.find('x', null, [1, 2])]).toEqual([
      a,
      b,
      c,
    ]);
    cache.evict(0);
    expect(cache.find('', null, [1, 2])).toBe('evicted');
    expect(cache.find('', null, [2, 1])).toBe(b);
  });

  test('finds a block after others whose contents are lost, until nothing comes after them', () => {
    const cache = new PrefixCache(8, { maxEmpty: 8 });
    const a = cache.add('', null, [1, 2], 0);
    const b = cache.add('', a, [3, 4], 1);
    const c = cache.add('', b, [5, 6], 2);
    for (const block of [0, 1]) cache.empty(block);
    expect([a, b, c].map(({ block }) => block)).toEqual([null, null, 2]);
    expect(cache.find('', b, [5, 6])).toBe(c);
    expect([cache.numBlocks, cache.numEmpty]).toEqual([1, 2]);
    expect(cache.add('', a, [3, 4], 7)).toBe(b); // computed again
    expect([b.block, cache.has(7), cache.numEmpty]).toEqual([7, true, 1]);
    cache.empty(7);
    cache.empty(2);
    expect([cache.numBlocks, cache.numEmpty]).toEqual([0, 0]);
    expect(cache.find('', null, [1, 2])).toBe('evicted');
  });

  test('keeps no more entries without contents than it may: the oldest go, and what comes after them is not found', () => {
    const cache = new PrefixCache(8, { maxEmpty: 1 });
    const first = cache.add('', null, [0], 0);
    cache.add('', cache.add('', first, [1], 1), [2], 2);
    cache.empty(0);
    expect(cache.find('', null, [0])).toBe(first);
    cache.empty(1);
    expect(cache.find('', null, [0])).toBe('evicted');
    expect(cache.numEmpty).toBe(1);
    cache.evict(2);
    expect(cache.numEmpty).toBe(0);
  });

  test('keeps the first of two blocks with the same tokens', () => {
    const { cache, chain } = cacheOf([1, 2]);
    expect(cache.add('', null, [1, 2], 5)).toBe(chain[0]);
    expect([cache.has(0), cache.has(5)]).toEqual([true, false]);
  });

  test('distinguishes an evicted block from one that was never cached', () => {
    const { cache, chain } = cacheOf([1, 2], [3, 4]);
    cache.evict(1);
    cache.evict(1);
    expect(cache.find('', chain[0]!, [3, 4])).toBe('evicted');
    expect(cache.find('', chain[0]!, [3, 5])).toBe('new');
    cache.add('', chain[0]!, [3, 4], 6);
    expect(cache.find('', chain[0]!, [3, 4])).toMatchObject({ block: 6 });
    expect(cache.numBlocks).toBe(2);
  });

  test('forgets the oldest evictions, so that it does not grow for ever', () => {
    const cache = new PrefixCache(2);
    for (const id of [1, 2, 3]) {
      cache.add('', null, [id], id);
      cache.evict(id);
    }
    expect([1, 2, 3].map((id) => cache.find('', null, [id]))).toEqual(['new', 'evicted', 'evicted']);
    expect(cache.numBlocks).toBe(0);
  });
});
