// Inputs for kernels: the same for a seed, of the distribution that their name says, and refused by name where they are none.
import { describe, expect, test } from 'vitest';
import { adversarial, type Distribution, random } from '../../src/testing/index.ts';
import { normals, uniforms } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';

const SMALLEST_NORMAL = 2 ** -126;
const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY } = Number;

/** Rows of a distribution. */
function rowsOf(distribution: Distribution, scale = 1, seed = 5): number[][] {
  const data = random([6, 50], { seed, distribution, scale });
  return Array.from({ length: 6 }, (_, row) => [...data.subarray(50 * row, 50 * (row + 1))]);
}

const isNegative = (value: number) => Object.is(Math.sign(value), -0) || value < 0;

describe('random', () => {
  test('gives the same numbers for a seed and others for another', () => {
    expect(random([3, 7], { seed: 1 })).toEqualBits(random(21, { seed: 1 }));
    expect(random(21, { seed: 1 })).not.toEqualBits(random(21, { seed: 2 }));
    expect(random(5)).toEqualBits(random(5, { seed: 0, distribution: 'normal', scale: 1 }));
  });

  test('takes any shape', () => {
    expect([random([]), random([2, 0, 3]), random(0), random([2, 3, 4])].map(({ length }) => length)).toEqual([
      1, 0, 0, 24,
    ]);
    for (const { data } of adversarial([0, 0], { also: ['NaN', 'infinities', 'largest'] }))
      expect(data).toHaveLength(0);
    for (const { data } of adversarial(1, { also: ['NaN', 'infinities', 'largest'] })) expect(data).toHaveLength(1);
  });

  test('has the mean and variance of its distribution', () => {
    for (const [distribution, variance] of [
      ['normal', 4],
      ['uniform', 4 / 3],
    ] as const) {
      const x = random(10_000, { seed: 3, distribution, scale: 2 });
      const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
      // Four standard errors of the mean, 0.02 at most, and 5 % of the variance.
      expect(Math.abs(mean)).toBeLessThan(0.08);
      expect(x.reduce((sum, value) => sum + value ** 2, 0) / x.length / variance).toBeCloseTo(1, 1);
    }
    expect(random(9, { seed: 2, scale: 3 })).toEqualBits(normals(2, 9, 3));
    expect(random(9, { seed: 2, distribution: 'uniform' })).toEqualBits(uniforms(2, 9));
  });

  test('has one outlier in each row', () => {
    for (const [r, row] of rowsOf('outliers').entries()) {
      const plain = [...random([6, 50], { seed: 5 }).subarray(50 * r, 50 * (r + 1))];
      const changed = row.flatMap((value, i) => (value === plain[i] ? [] : [value / plain[i]!]));
      expect(changed).toEqual([expect.closeTo(1000, 2)]);
    }
  });

  test('has rows of one number each, and other rows of others', () => {
    const rows = rowsOf('constant rows');
    for (const row of rows) expect(new Set(row).size).toBe(1);
    expect(new Set(rows.flat()).size).toBe(6);
  });

  test('has denormals, zeros and huge numbers of either sign', () => {
    for (const distribution of ['denormals', 'zeros', 'huge', 'largest'] as const) {
      const values = rowsOf(distribution).flat();
      expect(new Set(values.map(isNegative)).size, distribution).toBe(2);
    }
    for (const value of rowsOf('denormals').flat()) {
      expect(Math.abs(value)).toBeGreaterThan(0);
      expect(Math.abs(value)).toBeLessThan(SMALLEST_NORMAL);
    }
    expect(new Set(rowsOf('zeros').flat().map(Math.abs))).toEqual(new Set([0]));
    const squares = rowsOf('huge')
      .flat()
      .map((value) => Math.fround(value ** 2));
    expect(Math.min(...squares)).toBeGreaterThanOrEqual(2 ** 80);
    expect(Math.fround(128 * Math.max(...squares))).toBeLessThan(infinity);
    for (const value of rowsOf('largest').flat()) {
      expect(Math.abs(value)).toBe(3.4028234663852886e38);
      expect(Math.fround(2 * value)).toBe(value < 0 ? NEGATIVE_INFINITY : infinity);
    }
  });

  test('has numbers far below 0, of which exp is 0 in f32', () => {
    for (const value of rowsOf('negative').flat()) {
      expect(value).toBeGreaterThan(-400);
      expect(Math.fround(Math.exp(value))).toBe(0);
    }
  });

  test('has sums that cancel, and ties', () => {
    for (const row of rowsOf('alternating')) {
      expect(Math.abs(row.reduce((sum, value) => sum + value, 0))).toBeLessThan(0.1);
      expect(row.map((value) => value > 0)).toEqual(row.map((_, i) => i % 2 === 0));
    }
    for (const row of rowsOf('ties')) {
      expect(row.every((value) => Number.isInteger(2 * value))).toBe(true);
      expect(new Set(row).size).toBeLessThan(20);
    }
    expect(Math.max(...rowsOf('alternating', 8).flat())).toBeCloseTo(8, 0);
  });

  test('has one NaN, or one infinity of either sign, where it is asked for', () => {
    expect(rowsOf('NaN').flat().filter(Number.isNaN)).toEqual([nan]);
    const infinite = rowsOf('infinities')
      .flat()
      .filter((value) => !Number.isFinite(value));
    expect(infinite.sort()).toEqual([NEGATIVE_INFINITY, infinity]);
  });

  test('gives integers of a range, all of a small one', () => {
    const i32 = random.i32(200, { seed: 1, from: -2, below: 2 });
    expect(i32).toBeInstanceOf(Int32Array);
    expect([...new Set(i32)].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1]);
    const u32 = random.u32([2, 100], { seed: 1 });
    expect(u32).toBeInstanceOf(Uint32Array);
    expect(Math.max(...u32)).toBeGreaterThan(2 ** 31);
    expect(Math.min(...random.i32(200))).toBeLessThan(-(2 ** 30));
    expect(random.u32(9, { seed: 4 })).not.toEqualBits(random.u32(9, { seed: 5 }));
  });
});

describe('adversarial', () => {
  test('has one input of each distribution, which random makes again', () => {
    const inputs = adversarial([3, 8], { seed: 7 });
    expect(inputs.map(({ name }) => name)).toEqual([
      'normal',
      'uniform',
      'outliers',
      'constant rows',
      'denormals',
      'zeros',
      'huge',
      'negative',
      'alternating',
      'ties',
    ]);
    expect(inputs.every(({ data }) => data.every(Number.isFinite))).toBe(true);
    expect(inputs[2]?.data ?? new Float32Array()).toEqualBits(random([3, 8], { seed: 7, distribution: 'outliers' }));
  });

  test('has NaN, infinities and the largest numbers by name', () => {
    const names = adversarial(8, { also: ['NaN', 'normal', 'largest'] }).map(({ name }) => name);
    expect(names.slice(10)).toEqual(['NaN', 'largest']);
  });

  test('has integers at the ends of a range and in order', () => {
    const inputs = adversarial.u32(5, { below: 3 });
    expect(Object.fromEntries(inputs.slice(1).map(({ name, data }) => [name, [...data]]))).toEqual({
      least: [0, 0, 0, 0, 0],
      greatest: [2, 2, 2, 2, 2],
      ends: [0, 2, 0, 2, 0],
      ascending: [0, 1, 2, 0, 1],
      descending: [2, 1, 0, 2, 1],
    });
    expect(inputs[0]).toEqual({ name: 'uniform', data: random.u32(5, { below: 3 }) });
    expect(adversarial.i32(3).map(({ data }) => data[0])).toEqual([
      random.i32(3)[0],
      -(2 ** 31),
      2 ** 31 - 1,
      -(2 ** 31),
      -(2 ** 31),
      2 ** 31 - 1,
    ]);
  });
});

/** Calls a function as a program without types would. */
function call(make: unknown, ...given: readonly unknown[]): () => unknown {
  return () => (typeof make === 'function' ? make(...given) : undefined);
}

const NAMES =
  'normal, uniform, outliers, constant rows, denormals, zeros, huge, negative, alternating, ties, NaN, infinities, largest';

test.each<[mistake: string, make: unknown, given: readonly unknown[], message: string]>([
  ['no shape', random, [], 'shape is undefined, expected an integer ≥ 0, or a list of them'],
  ['a negative size', random, [[2, -1]], 'shape is [2, -1], expected an integer ≥ 0, or a list of them'],
  ['a length with a fraction', random, [2.5], 'shape is 2.5, expected an integer ≥ 0, or a list of them'],
  ['sizes as arguments', random, [2, 3], 'options of random is 3, expected an object'],
  ['a seed with a fraction', random, [2, { seed: 0.5 }], 'seed is 0.5, expected an integer in [0, 2^53)'],
  [
    'an unknown distribution',
    random,
    [2, { distribution: 'gauss' }],
    `distribution is "gauss", expected one of ${NAMES}`,
  ],
  ['a scale that is no number', random, [2, { scale: nan }], 'scale is NaN, expected a finite number'],
  [
    'a misspelt option',
    random,
    [2, { sede: 1 }],
    'key of options of random is "sede", expected one of seed, distribution, scale',
  ],
  [
    'a distribution of integers',
    random.u32,
    [2, { distribution: 'uniform' }],
    'key of options of random.u32 is "distribution", expected one of seed, from, below',
  ],
  ['a range of u32 below 0', random.u32, [2, { from: -1 }], 'from is -1, expected an integer in [0, 4294967295]'],
  ['an empty range', random.i32, [2, { from: 5, below: 5 }], 'below is 5, expected an integer above from, which is 5'],
  [
    'a range beyond i32',
    random.i32,
    [2, { below: 2 ** 32 }],
    'below is 4294967296, expected an integer in [-2147483647, 2147483648]',
  ],
  ['null for options', random.i32, [2, null], 'options of random.i32 is null, expected an object'],
  ['no shape', adversarial, [], 'shape is undefined, expected an integer ≥ 0, or a list of them'],
  [
    'a typed array for a shape',
    adversarial,
    [Float32Array.of(2)],
    'shape is an object of class Float32Array, expected an integer ≥ 0, or a list of them',
  ],
  ['the seed alone', adversarial, [2, 7], 'options of adversarial is 7, expected an object'],
  ['a seed that is a text', adversarial, [2, { seed: '1' }], 'seed is "1", expected an integer in [0, 2^53)'],
  ['one distribution', adversarial, [2, { also: 'NaN' }], `also is "NaN", expected a list of ${NAMES}`],
  ['an unknown distribution', adversarial, [2, { also: ['nan'] }], `also is ["nan"], expected a list of ${NAMES}`],
  [
    'a distribution to leave out',
    adversarial,
    [2, { without: ['huge'] }],
    'key of options of adversarial is "without", expected one of seed, also',
  ],
  [
    'a range of floats',
    adversarial,
    [2, { below: 3 }],
    'key of options of adversarial is "below", expected one of seed, also',
  ],
  ['an empty range', adversarial.u32, [2, { below: 0 }], 'below is 0, expected an integer in [1, 4294967296]'],
  [
    'a misspelt option',
    adversarial.i32,
    [2, { form: 1 }],
    'key of options of adversarial.i32 is "form", expected one of seed, from, below',
  ],
])('a mistake of the caller is told in one line: %s', (_, make, given, message) => {
  expect(call(make, ...given)).toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
});
