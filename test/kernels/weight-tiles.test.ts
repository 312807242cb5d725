// The layout of weight tiles, element by element, against its definition written a second time.
import { describe, expect, test } from 'vitest';
import { kvRowWords } from '../../src/kernels/kv-write/kv-write.ts';
import { packTiles, storedValues, tiledShape, weightConditions } from '../../src/kernels/weights/weight-tiles.ts';
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

/** As `read`, of q8: [tile][group of 64 k][17 rows: scales, then four k each][column in the tile]. */
function readQ8(words: Uint32Array, K: number, k: number, n: number): number {
  const group = Math.floor(n / COLUMNS) * Math.ceil(K / 64) + Math.floor(k / 64);
  const word = (row: number) => (group * 17 + row) * COLUMNS + (n % COLUMNS);
  const byte = new Int8Array(words.buffer)[4 * word(1 + Math.floor((k % 64) / 4)) + (k % 4)]!;
  return Math.fround(byte * new Float32Array(words.buffer)[word(0)]!);
}

describe('tiles of q8', () => {
  test.each([
    { K: 1, N: 1, shape: [1, 17, 32] },
    { K: 64, N: 32, shape: [1, 17, 32] },
    { K: 65, N: 33, shape: [2, 34, 32] },
    { K: 130, N: 70, shape: [3, 51, 32] },
  ])('hold every element of a weight of $K by $N to half a step of its group', ({ K, N, shape }) => {
    expect(tiledShape(K, N, 'q8')).toEqual(shape);
    const matrix = normals(1, K * N);
    const transposed = matrix.map((_, i) => matrix[(i % K) * N + Math.floor(i / K)]!);
    const words = packTiles(K, N, 'q8', matrix, 'kn');
    expect(packTiles(K, N, 'q8', transposed, 'nk')).toEqual(words);
    const got = matrix.map((_, i) => readQ8(words, K, Math.floor(i / N), i % N));
    expect(got).toEqual(storedWeight('q8', matrix, { rows: K, columns: N, along: 'columns' }));
    expect(storedValues(K, N, 'q8', matrix, 'kn')).toEqual(got);
    expect(storedValues(K, N, 'q8', transposed, 'nk')).toEqual(
      storedWeight('q8', transposed, { rows: N, columns: K, along: 'rows' }),
    );
    // The largest of a group is 127 steps, a step rounded up by less than 2^-15 of it; no error exceeds half a step.
    const worst = matrix.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0);
    const largest = matrix.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expect(worst).toBeLessThanOrEqual(((0.5 * largest) / 127) * (1 + 2 ** -15));
    expect(words.filter((word) => word !== 0).length).toBeLessThanOrEqual(Math.ceil(K / 4) * N + Math.ceil(K / 64) * N);
  });

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
    expect(call(tiles, 2, 3, 'f64', matrix, 'kn')).toThrow('dtype is "f64", expected one of f32, f16, q8');
    expect(call(tiles, 2, 3, 'f32', matrix, 'mn')).toThrow('order is "mn", expected one of kn, nk');
    expect(call(tiles, 2, 4, 'f32', matrix, 'kn')).toThrow(/^source is .*, expected a Float32Array of 8$/);
    expect(call(tiles, 2, 3, 'f32', [1, 2, 3, 4, 5, 6], 'kn')).toThrow(/^source is .*, expected a Float32Array of 6$/);
  }
  expect(call(weightConditions, 'f64')).toThrow('dtype is "f64", expected one of f32, f16, q8');
  expect(call(tiledShape, 2, 3, 'f64')).toThrow('dtype is "f64", expected one of f32, f16, q8');
  expect(call(kvRowWords, 16, 'q8')).toThrow('dtype is "q8", expected one of f32, f16');
});
