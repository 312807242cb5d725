// Numbers with their nouns.
import { expect, test } from 'vitest';
import { count } from '../../src/util/count.ts';

test('one is in the singular, and every other number in the plural', () => {
  expect([0, 1, 2].map((number) => count(number, 'token'))).toEqual(['0 tokens', '1 token', '2 tokens']);
  expect([1n, 2n].map((number) => count(number, 'byte'))).toEqual(['1 byte', '2 bytes']);
  expect([1, 2].map((number) => count(number, 'line has', 'lines have'))).toEqual(['1 line has', '2 lines have']);
});
