// The comparison of floats that other tests rest on: both sides of its limit, NaN and infinities.
import { describe, expect, test } from 'vitest';
import { expectClose } from './approx.ts';

describe('expectClose', () => {
  test('accepts an error of exactly abs + rel · |want|', () => {
    expectClose([2.75, -2.75], [2, -2], { abs: 0.25, rel: 0.25 }, 'edge');
  });

  test('rejects a larger error and names the case and its worst element', () => {
    const check = () => expectClose([1, 3, 10], [1, 2, 8], { abs: 0.5 }, 'case 7');
    expect(check).toThrow('case 7: element 2 of 3: got 10, want 8, error 2 over tolerance 0.5 (2 elements fail)');
  });

  test('rejects NaN on either side, even with an infinite tolerance', () => {
    const tolerance = { abs: Number.POSITIVE_INFINITY };
    expect(() => expectClose([0, Number.NaN], [0, 1], tolerance, 'got')).toThrow('element 1 of 2: got NaN, want 1');
    expect(() => expectClose([0, 1], [0, Number.NaN], tolerance, 'want')).toThrow('element 1 of 2: got 1, want NaN');
    expect(() => expectClose([Number.NaN], [Number.NaN], tolerance, 'both')).toThrow('element 0 of 1');
  });

  test('accepts equal infinities and rejects an infinity for a number or for the other infinity', () => {
    const infinity = Number.POSITIVE_INFINITY;
    expectClose([infinity, -infinity], [infinity, -infinity], {}, 'equal');
    expect(() => expectClose([infinity], [1], { rel: 1 }, 'number')).toThrow('element 0 of 1');
    expect(() => expectClose([1], [infinity], { rel: 1 }, 'want')).toThrow('element 0 of 1');
    expect(() => expectClose([-infinity], [infinity], { rel: 1 }, 'sign')).toThrow('element 0 of 1');
  });

  test('rejects different lengths', () => {
    expect(() => expectClose([1], [1, 2], { abs: 9 }, 'short')).toThrow('short: got 1 elements, want 2');
  });
});
