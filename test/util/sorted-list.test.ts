// The sorted list against a sorted array, and its number of comparisons against a binary search.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedList } from '../../src/util/sorted-list.ts';

/** An item; several may have one key, and their `order` decides among them. */
interface Item {
  readonly key: number;
  readonly order: number;
}

const isBefore = (a: Item, b: Item) => (a.key === b.key ? a.order < b.order : a.key < b.key);

// Up to 2,000 items make some buckets, which grow, are cut and vanish.
test('is what a sorted array would be, whatever comes and goes', () => {
  const key = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }));
  const actions = fc.array(
    fc.record({
      keys: fc.array(key, { maxLength: 300, size: 'max' }),
      removals: fc.array(fc.nat(), { maxLength: 200 }),
    }),
    { maxLength: 8, size: 'max' },
  );
  let longest = 0;
  const property = fc.property(actions, (rounds) => {
    const list = new SortedList<Item>(isBefore);
    let expected: Item[] = [];
    let order = 0;
    for (const { keys, removals } of rounds) {
      for (const each of keys) {
        const item = { key: each, order: order++ };
        list.add(item);
        expected.push(item);
      }
      expected.sort((a, b) => (isBefore(a, b) ? -1 : 1));
      longest = Math.max(longest, expected.length);
      for (const removal of removals) {
        const item = expected[removal % expected.length];
        if (item === undefined) continue;
        expect(list.delete(item)).toBe(true);
        expect(list.delete(item)).toBe(false);
        expect(list.delete({ ...item })).toBe(false);
        expected = expected.filter((each) => each !== item);
      }
      expect([...list]).toEqual(expected);
      expect([list.length, list.first]).toEqual([expected.length, expected[0]]);
    }
  });
  fc.assert(property, { seed: 3, numRuns: 100 });
  expect(longest).toBeGreaterThan(700);
});

test.each([2000, 20_000, 200_000])('compares %i items as a binary search does, wherever they go', (count) => {
  let numCompared = 0;
  const list = new SortedList<Item>((a, b) => {
    numCompared++;
    return isBefore(a, b);
  });
  const items = Array.from({ length: count }, (_, order) => ({ key: (order * 7919) % 1009, order }));
  for (const item of items) list.add(item);
  for (const item of items) list.delete(item);
  // One search among the buckets, one within, each with a comparison too many: log2(n) + 3, for an addition and a removal.
  expect(numCompared / count).toBeLessThan(2 * (Math.log2(count) + 3));
  expect(list.length).toBe(0);
});
