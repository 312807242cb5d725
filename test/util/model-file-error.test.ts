// Values of model files in messages: a file may hold what JSON can't write, and lists that are too long to be written as a whole.
import { expect, test } from 'vitest';
import { quoteJson } from '../../src/util/model-file-error.ts';

test.each<[string, unknown, string]>([
  ['a key that is missing', undefined, 'missing'],
  ['null', null, 'null'],
  ['a text', 'a\nb', '"a\\nb"'],
  ['a number that JSON does not have', Number.NaN, 'NaN'],
  ['an integer beyond 2^53', 2n ** 60n, '1152921504606846976'],
  ['a list', [1, 'a', null, [2]], '[1,"a",null,[2]]'],
  ['an object', { a: [1] }, '{"a":[1]}'],
  ['a list of integers', Uint32Array.of(1, 2), '[1, 2]'],
  ['a list of floats', Float32Array.of(0.5, Number.NaN), '[0.5, NaN]'],
  ['a list of large integers', BigUint64Array.of(2n ** 60n), '[1152921504606846976]'],
])('%s is shown', (_, value, shown) => {
  expect(quoteJson(value)).toBe(shown);
});

test('a list of any length is shown on one line of bounded length', () => {
  // As a whole, the first and the third would be longer than a string may be.
  const lists = [
    new Uint8Array(3e8),
    new BigInt64Array(1e7),
    Array(600).fill('a'.repeat(1e6)),
    Array(100).fill('a\nb'),
  ];
  for (const list of lists) expect(quoteJson(list)).toMatch(/^\[.{90,100}…$/);
});
