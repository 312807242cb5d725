// A digest of words: any changed, moved or missing word changes it.
import { expect, test } from 'vitest';
import { digestOf } from '../../src/util/digest.ts';

const words = Uint32Array.from({ length: 500 }, (_, i) => Math.imul(i, 0x9e3779b1));

test('equal words have one digest, of 16 digits', () => {
  expect(digestOf(words)).toBe(digestOf(words.slice()));
  expect(digestOf(words)).toMatch(/^[0-9a-f]{16}$/);
});

test('no two of texts that differ in one bit, in order or in length have the same', () => {
  const others = [words.slice(0, 499), words.toReversed(), new Uint32Array(0), new Uint32Array(1), new Uint32Array(2)];
  for (let i = 0; i < words.length; i++)
    for (const bit of [0, 15, 31]) others.push(words.map((word, k) => (k === i ? word ^ (1 << bit) : word)));
  const digests = [words, ...others].map(digestOf);
  expect(new Set(digests).size).toBe(digests.length);
});
