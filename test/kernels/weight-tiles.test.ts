import { describe, expect, test } from 'vitest';
import { packTiles, tiledShape, type WeightDType } from '../../src/kernels/weight-tiles.ts';

const COLUMNS = 32;

/** Where element (k, n) of a K×N weight lies, written down from the layout: [tile][k][column in the tile], K in steps of 8. */
function read(words: Uint32Array, K: number, dtype: WeightDType, k: number, n: number): number {
  const padded = 8 * Math.ceil(K / 8);
  const tile = Math.floor(n / COLUMNS);
  const column = n % COLUMNS;
  if (dtype === 'f32') return new Float32Array(words.buffer)[(tile * padded + k) * COLUMNS + column]!;
  const word = (tile * (padded / 2) + Math.floor(k / 2)) * COLUMNS + column;
  return new Float16Array(words.buffer)[2 * word + (k % 2)]!;
}

describe.each<WeightDType>(['f32', 'f16'])('tiles of %s', (dtype) => {
  test.each([
    { K: 1, N: 1, shape: { f32: [1, 8, 32], f16: [1, 4, 32] } },
    { K: 8, N: 32, shape: { f32: [1, 8, 32], f16: [1, 4, 32] } },
    { K: 9, N: 33, shape: { f32: [2, 16, 32], f16: [2, 8, 32] } },
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
