// erf and erfc in float64 against values computed with 60 digits.
import { expect, test } from 'vitest';
import { erf, erfc } from '../../src/reference/erf.ts';
import '../../src/testing/vitest.ts';

// x, erf(x), erfc(x), computed with 60 digits and rounded to the nearest double.
const KNOWN = [
  [1e-20, 1.1283791670955125e-20, 1],
  [0.1, 0.1124629160182849, 0.887537083981715],
  [0.5, 0.5204998778130465, 0.4795001221869535],
  [1, 0.8427007929497149, 0.15729920705028513],
  [1.5, 0.9661051464753108, 0.033894853524689274],
  [1.99, 0.995111413199617, 0.004888586800383003],
  [2, 0.9953222650189527, 0.004677734981047266],
  [2.01, 0.9955248493552482, 0.004475150644751763],
  [3, 0.9999779095030014, 2.209049699858544e-5],
  [5, 0.9999999999984626, 1.537459794428035e-12],
  [6, 1, 2.1519736712498913e-17],
  [10, 1, 2.088487583762545e-45],
  [26, 1, 5.663192408856143e-296],
  [-0.7, -0.6778011938374184, 1.6778011938374184],
  [-3, -0.9999779095030014, 1.9999779095030015],
] as const;

test('erf equals known values to a few units of the last place', () => {
  expect(KNOWN.map(([x]) => erf(x))).toBeWithin(
    KNOWN.map(([, value]) => value),
    { rel: 4 * 2 ** -52 },
    { label: 'erf' },
  );
});

test('erfc keeps its relative accuracy far into the tail', () => {
  // Up to x = 2 it is 1 − erf, which loses a factor 1/erfc(2) = 214; beyond, exp(−x²) loses a factor x², at most 676.
  expect(KNOWN.map(([x]) => erfc(x))).toBeWithin(
    KNOWN.map(([, , value]) => value),
    { rel: 1e-13 },
    { label: 'erfc' },
  );
});

test('erf saturates, also at infinity', () => {
  expect([30, -30, 3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(erf)).toEqual([1, -1, 1, 1, -1]);
});
