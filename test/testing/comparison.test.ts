// Comparisons of arrays: both sides of each limit, values that are no numbers, and the message that a reader gets.
import { describe, expect, test } from 'vitest';
import { bounds, compareBits, compareWithin } from '../../src/testing/index.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

describe('compareWithin', () => {
  test('accepts an error of exactly abs + rel · |want|, and no more', () => {
    expect(compareWithin([2.75, -2.75], [2, -2], { abs: 0.25, rel: 0.25 }).passes).toBe(true);
    expect(compareWithin([2.76], [2], { abs: 0.25, rel: 0.25 }).passes).toBe(false);
  });

  test('takes a value of bounds, in units of the element type', () => {
    expect(compareWithin(Float32Array.of(1 + 2 ** -22), [1], bounds.ulps(2)).passes).toBe(true);
    expect(compareWithin(Float32Array.of(1 + 2 ** -21), [1], bounds.ulps(2)).passes).toBe(false);
    expect(compareWithin(Float16Array.of(1 + 2 ** -9), [1], bounds.ulps(2)).passes).toBe(true);
    expect(compareWithin(Int32Array.of(7), [5], bounds.ulps(2)).passes).toBe(true);
  });

  test('takes the magnitude that a bound of sums needs', () => {
    const [got, want] = [[2 ** -20], [0]];
    expect(compareWithin(got, want, bounds.sum(14), { magnitude: [1] }).passes).toBe(true);
    expect(compareWithin(got, want, bounds.sum(13), { magnitude: [1] }).passes).toBe(false);
    expect(() => compareWithin(got, want, bounds.sum(14))).toThrow('magnitude is undefined, expected Σ|terms|');
  });

  test('takes a bound for each element', () => {
    expect(compareWithin([1, 2], [1.5, 2], [0.5, 0]).passes).toBe(true);
    expect(compareWithin([1, 2], [1, 2.5], Float64Array.of(0.5, 0))).toMatchObject({
      numWrong: 1,
      worst: { index: 1, got: 2, want: 2.5 },
    });
  });

  test('names the case, the worst element by its coordinates, and how far it is out', () => {
    const { message } = compareWithin([1, 3, 10, 4], [1, 2, 8, 4], { abs: 0.5 }, { label: 'y', shape: [2, 2] });
    expect(message).toBe(
      'y: element [1, 0] of [2, 2] is 10, expected 8 ± 0.5, error 2 = 4.00 × the bound; 2 of 4 elements fail',
    );
    expect(compareWithin([1, 3], [1, 2], 0).message).toBe('element 1 of 2 is 3, expected 2; 1 of 2 elements fail');
    expect(compareWithin([1], [1], 0, { label: 'y' }).message).toBe('y: all 1 elements agree within the bound');
  });

  test('takes the element that is furthest out in bounds, not in numbers', () => {
    expect(compareWithin([1.5, 200], [1, 100], [0.01, 90]).worst?.index).toBe(0);
  });

  test('refuses NaN on either side, even with an infinite bound', () => {
    const of = (got: number, want: number) => compareWithin([0, got], [0, want], infinity).message;
    expect(of(nan, 1)).toBe('element 1 of 2 is NaN, expected 1 ± Infinity; 1 of 2 elements fail');
    expect(of(1, nan)).toBe('element 1 of 2 is 1, expected NaN ± Infinity; 1 of 2 elements fail');
    expect(of(nan, nan)).toContain('is NaN, expected NaN');
  });

  test('accepts NaN for NaN, and for nothing else, where it is asked to', () => {
    expect(compareWithin([nan, 1], [nan, 1], 0, { nan: true }).passes).toBe(true);
    expect(compareWithin([nan, 1], [1, nan], 9, { nan: true }).numWrong).toBe(2);
  });

  test('accepts equal infinities, and none for a number or for the other one', () => {
    expect(compareWithin([infinity, -infinity], [infinity, -infinity], 0).passes).toBe(true);
    expect(compareWithin([infinity], [1], { rel: 1 }).passes).toBe(false);
    expect(compareWithin([1], [infinity], { rel: 1 }).passes).toBe(false);
    expect(compareWithin([-infinity], [infinity], infinity).passes).toBe(false);
  });

  test('refuses another number of elements', () => {
    expect(compareWithin([1], [1, 2], 9, { label: 'short' })).toMatchObject({
      passes: false,
      message: 'short: got 1 elements, expected 2',
    });
    expect(compareWithin([], [], 0).passes).toBe(true);
  });
});

describe('compareBits', () => {
  test('tells −0 from 0 and one NaN from another', () => {
    const { message } = compareBits(Float32Array.of(1, -0), Float32Array.of(1, 0), { label: 'y', shape: [1, 2] });
    expect(message).toBe(
      'y: element [0, 1] of [1, 2] is -0 (0x80000000), expected 0 (0x00000000); 1 of 2 words differ',
    );
    const nans = new Float32Array(Uint32Array.of(0x7fc00000, 0x7fc00001).buffer);
    expect(compareBits(nans.subarray(0, 1), nans.subarray(1)).message).toContain(
      'NaN (0x7fc00000), expected NaN (0x7fc00001)',
    );
    expect(compareBits(nans, nans.slice())).toMatchObject({
      passes: true,
      message: 'all 2 elements agree in all bits',
    });
  });

  test.each([
    [Float16Array.of(1, 2), Float16Array.of(1, 3), '2 (0x4000), expected 3 (0x4200)'],
    [Float64Array.of(1, 2), Float64Array.of(1, 3), '2 (0x4000000000000000), expected 3 (0x4008000000000000)'],
    [Int32Array.of(0, -1), Int32Array.of(0, 1), '-1 (0xffffffff), expected 1 (0x00000001)'],
    [Uint8Array.of(1, 2), Uint8Array.of(1, 3), '2 (0x02), expected 3 (0x03)'],
  ])('compares the bits of %o', (got, want, shown) => {
    expect(compareBits(got, want).message).toContain(shown);
    expect(compareBits(got, got.slice()).passes).toBe(true);
    expect(compareBits(got.subarray(1), got.slice(1)).passes).toBe(true);
  });

  test('names the first of the elements that differ', () => {
    expect(compareBits(Uint32Array.of(1, 2, 3), Uint32Array.of(1, 0, 0))).toMatchObject({
      numWrong: 2,
      worst: { index: 1, got: 2, want: 0 },
    });
  });
});

/** Calls a function as a program without types would. */
function call(compare: unknown, ...given: readonly unknown[]): () => unknown {
  return () => (typeof compare === 'function' ? compare(...given) : undefined);
}

describe('a mistake of the caller is told in one line', () => {
  const x = Float32Array.of(1, 2);
  test.each<[mistake: string, compare: unknown, given: readonly unknown[], message: string]>([
    [
      'no bound',
      compareWithin,
      [x, x],
      'bound is undefined, expected a number ≥ 0, a list of them with one for each element, a value of bounds, or { abs, rel }',
    ],
    [
      'a negative bound',
      compareWithin,
      [x, x, -1],
      'bound is -1, expected a number ≥ 0, a list of them with one for each element, a value of bounds, or { abs, rel }',
    ],
    ['NaN as a bound', compareWithin, [x, x, [1, nan]], 'bound[1] is NaN, expected a number ≥ 0'],
    ['a short bound', compareWithin, [x, x, [1]], 'bound.length is 1, expected 2, one for each element'],
    [
      'a misspelt part of a bound',
      compareWithin,
      [x, x, { absolute: 1 }],
      'key of bound is "absolute", expected one of abs, rel',
    ],
    ['a text as a part', compareWithin, [x, x, { rel: '1e-3' }], 'rel is "1e-3", expected a number ≥ 0'],
    ['a tensor as got', compareWithin, [{}, x, 0], 'got is an object, expected a list of numbers or a typed array'],
    [
      'texts as want',
      compareWithin,
      [x, ['1', '2'], 0],
      'want is ["1", "2"], expected a list of numbers or a typed array',
    ],
    [
      'a shape of other size',
      compareWithin,
      [x, x, 0, { shape: [3] }],
      'shape is [3], expected one of the 2 elements that are compared',
    ],
    ['a shape that is none', compareWithin, [x, x, 0, { shape: 2 }], 'shape is 2, expected a list of integers ≥ 0'],
    ['the label without options', compareWithin, [x, x, 0, 'y'], 'options of compareWithin is "y", expected an object'],
    [
      'an unknown option',
      compareWithin,
      [x, x, 0, { NaN: true }],
      'key of options of compareWithin is "NaN", expected one of label, shape, nan, magnitude (did you mean "nan"?)',
    ],
    ['plain numbers of bits', compareBits, [[1, 2], x], 'got is [1, 2], expected a typed array'],
    ['nothing as want', compareBits, [x], 'want is undefined, expected a typed array'],
    [
      'words for floats',
      compareBits,
      [Uint32Array.of(1, 2), x],
      'got is an object of class Uint32Array, expected a Float32Array, the type of want: bits of two types say nothing',
    ],
    [
      'a view that has no elements',
      compareBits,
      [new DataView(x.buffer), x],
      'got is an object of class DataView, expected a typed array',
    ],
    ['a bound of bits', compareBits, [x, x, 0], 'options of compareBits is 0, expected an object'],
    [
      'an option of the other',
      compareBits,
      [x, x, { nan: true }],
      'key of options of compareBits is "nan", expected one of label, shape',
    ],
    ['a label that is none', compareBits, [x, x, { label: 7 }], 'label is 7, expected a text'],
    [
      'a shape of other size',
      compareBits,
      [x, x, { shape: [2, 2] }],
      'shape is [2, 2], expected one of the 2 elements that are compared',
    ],
  ])('%s', (_, compare, given, message) => {
    expect(call(compare, ...given)).toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
  });
});
