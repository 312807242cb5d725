// The matchers of vitest: they say what the comparisons behind them say, and can be turned around.
import { expect, test } from 'vitest';
import '../../src/testing/vitest.ts';

const x = Float32Array.of(1, 2);

test('toBeWithin passes and fails as compareWithin, with its message', () => {
  expect(x).toBeWithin([1, 2.5], [0, 0.5]);
  expect(() => expect(x).toBeWithin([1, 2.5], 0.25, { label: 'x' })).toThrow(
    'x: element 1 of 2 is 2, expected 2.5 ± 0.25, error 0.5 = 2.00 × the bound; 1 of 2 elements fail',
  );
});

test('toEqualBits passes and fails as compareBits, with its message', () => {
  expect(x).toEqualBits(x.slice(), { shape: [2] });
  expect(() => expect(x).toEqualBits(Float32Array.of(1, -2))).toThrow(
    'element 1 of 2 is 2 (0x40000000), expected -2 (0xc0000000); 1 of 2 words differ',
  );
});

test('either can be turned around, and waits for a promise', async () => {
  expect(x).not.toBeWithin([1, 3], 0.5);
  expect(() => expect(x).not.toEqualBits(x, { label: 'x' })).toThrow('x: all 2 elements agree in all bits');
  await expect(Promise.resolve(x)).resolves.toBeWithin([1, 2], 0);
  await expect(expect(Promise.resolve(x)).resolves.toBeWithin([1, 3], 0)).rejects.toThrow(
    'element 1 of 2 is 2, expected 3',
  );
});

test('a mistake of the caller is no failed comparison', () => {
  expect(() => expect(x).not.toBeWithin(x, -1)).toThrow('bound is -1, expected a number ≥ 0');
  expect(() => expect([1, 2]).not.toEqualBits(x)).toThrow('got is [1, 2], expected a typed array');
});
