// The layout of weight tiles, element by element, against its definition written a second time.
import { describe, expect, test } from 'vitest';
import { kvRowWords } from '../../src/kernels/kv-write/kv-write.ts';
import type { QuantizedRows } from '../../src/kernels/weights/quantized-rows.ts';
import {
  packQuantizedTiles,
  packTiles,
  storedValues,
  tiledShape,
  weightConditions,
} from '../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../src/util/random-values.ts';
import { storedWeight } from '../support/kernels/stored-weight.ts';

const COLUMNS = 32;

/** Where element (k, n) of a K×N weight lies, written down from the layout: [tile][k][column in the tile], K in steps of 32. */
function read(words: Uint32Array, K: number, dtype: 'f32' | 'f16', k: number, n: number): number {
  const padded = 32 * Math.ceil(K / 32);
  const tile = Math.floor(n / COLUMNS);
  const column = n % COLUMNS;
  if (dtype === 'f32') return new Float32Array(words.buffer)[(tile * padded + k) * COLUMNS + column]!;
  const word = (tile * (padded / 2) + Math.floor(k / 2)) * COLUMNS + column;
  return new Float16Array(words.buffer)[2 * word + (k % 2)]!;
}

describe.each(['f32', 'f16'] as const)('tiles of %s', (dtype) => {
  test.each([
    { K: 1, N: 1, shape: { f32: [1, 32, 32], f16: [1, 16, 32] } },
    { K: 32, N: 32, shape: { f32: [1, 32, 32], f16: [1, 16, 32] } },
    { K: 33, N: 33, shape: { f32: [2, 64, 32], f16: [2, 32, 32] } },
    { K: 60, N: 331, shape: { f32: [11, 64, 32], f16: [11, 32, 32] } },
  ])('hold every element of a weight of $K by $N, and zeros', ({ K, N, shape }) => {
    expect(tiledShape(K, N, dtype)).toEqual(shape[dtype]);
    // Whole numbers up to 2048: exact in f16.
    const at = (k: number, n: number) => 1 + ((k * N + n) % 2048);
    const byRows = Float32Array.from({ length: K * N }, (_, i) => at(Math.floor(i / N), i % N));
    const byColumns = Float32Array.from({ length: K * N }, (_, i) => at(i % K, Math.floor(i / K)));
    const words = packTiles(K, N, dtype, byRows, 'kn');
    expect(packTiles(K, N, dtype, byColumns, 'nk')).toEqual(words);
    let sum = 0;
    for (let k = 0; k < K; k++) {
      for (let n = 0; n < N; n++) {
        if (read(words, K, dtype, k, n) !== at(k, n)) expect.fail(`k ${k}, n ${n}: ${read(words, K, dtype, k, n)}`);
        sum += at(k, n);
      }
    }
    const stored = Float64Array.from(dtype === 'f32' ? new Float32Array(words.buffer) : new Float16Array(words.buffer));
    expect(
      stored.reduce((total, value) => total + value, 0),
      'sum, padding included',
    ).toBe(sum);
  });
});

/** Bytes and four bits: k of a group, rows of its scales, and k of a row of words. */
const GROUPED = { q8: [64, 1, 4], q8_32: [32, 1, 4], q4: [32, 2, 8] } as const;

/** As `read`, of codes with scales: [tile][group][rows: scales, minimums, then codes][column in the tile]. */
function readGrouped(words: Uint32Array, K: number, dtype: keyof typeof GROUPED, k: number, n: number): number {
  const [size, scaleRows, wordK] = GROUPED[dtype];
  const group = Math.floor(n / COLUMNS) * Math.ceil(K / size) + Math.floor(k / size);
  const at = (row: number) => (group * (scaleRows + size / wordK) + row) * COLUMNS + (n % COLUMNS);
  const floats = new Float32Array(words.buffer);
  const word = words[at(scaleRows + Math.floor((k % size) / wordK))]!;
  if (dtype === 'q4') return Math.fround(((word >>> (4 * (k % 8))) & 15) * floats[at(0)]! - floats[at(1)]!);
  return Math.fround(((word << (24 - 8 * (k % 4))) >> 24) * floats[at(0)]!);
}

/** A matrix of normal numbers, K by N, and its transpose. */
function normalMatrix(K: number, N: number): readonly [Float32Array, Float32Array] {
  const matrix = normals(1, K * N);
  return [matrix, matrix.map((_, i) => matrix[(i % K) * N + Math.floor(i / K)]!)];
}

describe.each([
  { dtype: 'q8', rows: [17, 17, 34, 51] },
  { dtype: 'q8_32', rows: [9, 18, 27, 45] },
] as const)('tiles of $dtype', ({ dtype, rows }) => {
  test.each([
    { K: 1, N: 1 },
    { K: 64, N: 32 },
    { K: 65, N: 33 },
    { K: 130, N: 70 },
  ])('hold every element of a weight of $K by $N to half a step of its group', ({ K, N }) => {
    expect(rows).toContain(tiledShape(K, N, dtype)[1]);
    expect(tiledShape(K, N, dtype)).toEqual([Math.ceil(N / 32), expect.any(Number), 32]);
    const [matrix, transposed] = normalMatrix(K, N);
    const words = packTiles(K, N, dtype, matrix, 'kn');
    expect(packTiles(K, N, dtype, transposed, 'nk')).toEqual(words);
    const got = matrix.map((_, i) => readGrouped(words, K, dtype, Math.floor(i / N), i % N));
    expect(got).toEqual(storedWeight(dtype, matrix, { rows: K, columns: N, along: 'columns' }));
    expect(storedValues(K, N, dtype, matrix, 'kn')).toEqual(got);
    expect(storedValues(K, N, dtype, transposed, 'nk')).toEqual(
      storedWeight(dtype, transposed, { rows: N, columns: K, along: 'rows' }),
    );
    // The largest of a group is 127 steps, a step rounded up by less than 2^-15 of it; no error exceeds half a step.
    const worst = matrix.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0);
    const largest = matrix.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expect(worst).toBeLessThanOrEqual(((0.5 * largest) / 127) * (1 + 2 ** -15));
    const groups = Math.ceil(K / GROUPED[dtype][0]);
    expect(words.filter((word) => word !== 0).length).toBeLessThanOrEqual((Math.ceil(K / 4) + groups) * N);
  });
});

describe('tiles of q4', () => {
  test.each([
    { K: 1, N: 1, shape: [1, 6, 32] },
    { K: 32, N: 32, shape: [1, 6, 32] },
    { K: 33, N: 33, shape: [2, 12, 32] },
    { K: 130, N: 70, shape: [3, 30, 32] },
  ])('hold every element of a weight of $K by $N', ({ K, N, shape }) => {
    expect(tiledShape(K, N, 'q4')).toEqual(shape);
    const [matrix, transposed] = normalMatrix(K, N);
    const words = packTiles(K, N, 'q4', matrix, 'kn');
    expect(packTiles(K, N, 'q4', transposed, 'nk')).toEqual(words);
    const got = matrix.map((_, i) => readGrouped(words, K, 'q4', Math.floor(i / N), i % N));
    expect(storedValues(K, N, 'q4', matrix, 'kn')).toEqual(got);
    const byRow = got.map((_, i) => got[(i % K) * N + Math.floor(i / K)]!);
    expect(storedValues(K, N, 'q4', transposed, 'nk')).toEqual(byRow);
  });

  test('take less error than steps that spread from the least to the largest number', () => {
    const K = 32;
    let [error, plain] = [0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const column = normals(seed, K);
      const [least, largest] = [Math.min(...column), Math.max(...column)];
      const step = (largest - least) / 15;
      const got = storedValues(K, 1, 'q4', column, 'kn');
      const squares = (values: ArrayLike<number>) =>
        column.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0);
      const spread = column.map((value) => Math.round((value - least) / step) * step + least);
      error += squares(got);
      plain += squares(spread);
      // Never more than the plain ones, whose scale of 16 bits may be 2^-15 larger.
      expect(squares(got)).toBeLessThanOrEqual(squares(spread) * (1 + 2 ** -10));
    }
    expect(error).toBeLessThan(0.92 * plain);
  });

  test('keep a group of one number, of 16 steps, and numbers that are not finite', () => {
    const store = (...column: number[]) => storedValues(column.length, 1, 'q4', Float32Array.from(column), 'kn');
    expect(store(0, -0, 0)).toEqual(Float32Array.of(0, 0, 0));
    expect(store(-2.7, -2.7)).toEqual(Float32Array.of(-2.7, -2.7));
    const steps = Array.from({ length: 16 }, (_, i) => i / 2 - 3);
    expect(store(...steps)).toEqual(Float32Array.from(steps));
    const tiny = 2 ** -149;
    expect(store(tiny, 4 * tiny)).toEqual(Float32Array.of(tiny, 4 * tiny));
    expect(store(1, Number.NaN, 2)).toEqual(new Float32Array(3).fill(Number.NaN));
    expect(store(1, Number.POSITIVE_INFINITY)).toEqual(new Float32Array(2).fill(Number.NaN));
    expect(store(-3e38, 3e38)).toEqual(new Float32Array(2).fill(Number.NaN));
  });

  test('have scales of at most 16 bits, so that no product with four of them is rounded', () => {
    const words = packTiles(32, 320, 'q4', normals(3, 32 * 320), 'kn');
    for (let tile = 0; tile < 10; tile++) {
      const scales = words.subarray(tile * 6 * 32, tile * 6 * 32 + 32);
      expect(scales.every((word) => word !== 0 && word % 2 ** 8 === 0)).toBe(true);
    }
  });
});

describe('rows that are quantized already', () => {
  const [K, N] = [64, 33];
  const groups = (K * N) / 32;
  /** Numbers of f16. */
  const halves = (seed: number) => Float32Array.from(new Float16Array(normals(seed, groups)));
  const bytes: QuantizedRows = {
    dtype: 'q8_32',
    values: Int8Array.from({ length: K * N }, (_, i) => ((i * 37) % 256) - 128),
    scales: halves(1),
  };
  const nibbles: QuantizedRows = {
    dtype: 'q4',
    values: Uint8Array.from({ length: K * N }, (_, i) => (i * 7) % 16),
    // A half times six bits, as the K-quants have them.
    scales: halves(2).map((scale, i) => scale * (i % 64)),
    minimums: halves(3).map((minimum, i) => minimum * ((5 * i) % 64)),
  };

  test.each([bytes, nibbles])('are stored as they are: $dtype', (rows) => {
    const words = packQuantizedTiles(K, N, rows);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const group = Math.floor((n * K + k) / 32);
        const minimum = rows.dtype === 'q4' ? rows.minimums[group]! : 0;
        const want = Math.fround(rows.values[n * K + k]! * rows.scales[group]! - minimum);
        // A minimum of 0 may make a zero of the other sign.
        expect(readGrouped(words, K, rows.dtype, k, n) + 0, `k ${k}, n ${n}`).toBe(want + 0);
      }
    }
  });

  test('are refused in another number, beyond four bits, and with scales whose products would be rounded', () => {
    const pack =
      (rows: Partial<QuantizedRows>, length = K) =>
      () => {
        Reflect.apply(packQuantizedTiles, null, [length, N, { ...nibbles, ...rows }]);
      };
    expect(pack({}, 48)).toThrow('length of quantized rows is 48, expected a multiple of 32');
    expect(pack({ values: new Uint8Array(5) })).toThrow('number of values is 5, expected 2112 for 33 rows of 64');
    expect(pack({ scales: new Float32Array(5) })).toThrow('number of scales is 5, expected 66 for 33 rows of 64');
    expect(pack({ minimums: new Float32Array(5) })).toThrow('number of minimums is 5, expected 66 for 33 rows of 64');
    expect(pack({ values: new Uint8Array(K * N).fill(16) })).toThrow('value 0 is 16, expected at most 15');
    const scales = (scale: number) => new Float32Array(groups).fill(scale);
    expect(pack({ scales: scales(1 + 2 ** -19) })).not.toThrow();
    expect(pack({ scales: scales(1 + 2 ** -20) })).toThrow(
      /^scale 0 is 1\.0000009536743164, expected at most 20 significant bits/,
    );
    const ofBytes = (scale: number) => () => packQuantizedTiles(K, N, { ...bytes, scales: scales(scale) });
    expect(ofBytes(1 + 2 ** -16)).not.toThrow();
    expect(ofBytes(1 + 2 ** -17)).toThrow('expected at most 17 significant bits');
  });
});

describe('tiles of q8', () => {
  test('keep zeros, a group of the smallest numbers only, and values that are not finite', () => {
    const store = (...column: number[]) => storedValues(column.length, 1, 'q8', Float32Array.from(column), 'kn');
    expect(store(0, -0, 0)).toEqual(Float32Array.of(0, 0, 0));
    expect(store(127, -127, 63.5, -63.6)).toEqual(Float32Array.of(127, -127, 64, -64));
    // The scale of such a group is a whole number of f32's smallest steps, two here, and no byte leaves its range.
    const tiny = 190 * 2 ** -149;
    expect(store(tiny, -tiny)).toEqual(Float32Array.of(tiny, -tiny));
    expect(store(1, Number.NaN, 2)).toEqual(new Float32Array(3).fill(Number.NaN));
    expect(store(1, Number.POSITIVE_INFINITY)).toEqual(new Float32Array(2).fill(Number.NaN));
    expect(packTiles(1, 1, 'q8', Float32Array.of(Number.NaN), 'kn').filter((word) => word !== 0)).toHaveLength(1);
  });
});

test('an unknown storage type or order, and a source of another size or type, are refused by name', () => {
  const matrix = new Float32Array(6);
  const call = (calls: (...args: never[]) => unknown, ...args: unknown[]) => {
    return () => Reflect.apply(calls, null, args);
  };
  for (const tiles of [packTiles, storedValues]) {
    expect(call(tiles, 2, 3, 'q8', matrix, 'nk')).not.toThrow();
    expect(call(tiles, 2, 3, 'f64', matrix, 'kn')).toThrow('dtype is "f64", expected one of f32, f16, q8, q8_32, q4');
    expect(call(tiles, 2, 3, 'f32', matrix, 'mn')).toThrow('order is "mn", expected one of kn, nk');
    expect(call(tiles, 2, 4, 'f32', matrix, 'kn')).toThrow(/^source is .*, expected a Float32Array of 8$/);
    expect(call(tiles, 2, 3, 'f32', [1, 2, 3, 4, 5, 6], 'kn')).toThrow(/^source is .*, expected a Float32Array of 6$/);
  }
  expect(call(weightConditions, 'f64')).toThrow('dtype is "f64", expected one of f32, f16, q8, q8_32, q4');
  expect(call(tiledShape, 2, 3, 'f64')).toThrow('dtype is "f64", expected one of f32, f16, q8, q8_32, q4');
  expect(call(kvRowWords, 16, 'q8')).toThrow('dtype is "q8", expected one of f32, f16');
});
