// Columns of packed weights: what is unpacked is what the storage keeps, and a part that is packed by itself and placed is what
// packing the whole gives.
import { expect, test } from 'vitest';
import { placeColumns, unpackTiles } from '../../src/kernels/weights/tile-columns.ts';
import { packTiles, tileRows, WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../src/util/random-values.ts';
import { storedWeight } from '../support/kernels/stored-weight.ts';

const sizes = [
  [1, 1],
  [32, 32],
  [33, 31],
  [100, 67],
  [130, 96],
] as const;
const cases = WEIGHT_DTYPES.flatMap((dtype) => sizes.map(([K, N]) => ({ dtype, K, N })));

test.each(cases)(
  'tiles of $dtype with $K rows and $N columns are unpacked to what the storage keeps',
  ({ dtype, K, N }) => {
    const matrix = normals(K, K * N);
    const kn = { rows: K, columns: N, along: 'columns' } as const;
    expect(unpackTiles(K, N, dtype, packTiles(K, N, dtype, matrix, 'kn'), 'kn')).toEqual(
      storedWeight(dtype, matrix, kn),
    );
    const nk = { rows: N, columns: K, along: 'rows' } as const;
    expect(unpackTiles(K, N, dtype, packTiles(K, N, dtype, matrix, 'nk'), 'nk')).toEqual(
      storedWeight(dtype, matrix, nk),
    );
  },
);

test.each(WEIGHT_DTYPES)('parts of %s that are packed apart make the words of the whole', (dtype) => {
  const K = 70;
  const widths = [40, 7, 50];
  const parts = widths.map((N, i) => normals(i, K * N));
  const whole = Float32Array.from(parts.flatMap((part) => [...part]));
  const N = whole.length / K;
  const rows = tileRows(K, dtype);
  const words = packTiles(K, N, dtype, new Float32Array(K * N).fill(1), 'nk');
  let first = 0;
  for (const [i, part] of parts.entries()) {
    const count = widths[i]!;
    placeColumns(packTiles(K, count, dtype, part, 'nk'), words, { N: count, rows, part: { first, step: 1 } });
    first += count;
  }
  expect(words).toEqual(packTiles(K, N, dtype, whole, 'nk'));

  // Two parts by turns: row 2i is row i of the first one, row 2i + 1 row i of the second.
  const [a, b] = [normals(8, K * 45), normals(9, K * 45)];
  const turns = new Float32Array(2 * K * 45);
  for (let n = 0; n < 45; n++) {
    turns.set(a.subarray(n * K, (n + 1) * K), 2 * n * K);
    turns.set(b.subarray(n * K, (n + 1) * K), (2 * n + 1) * K);
  }
  const woven = packTiles(K, 90, dtype, new Float32Array(2 * K * 45).fill(1), 'nk');
  for (const [first, part] of [a, b].entries()) {
    placeColumns(packTiles(K, 45, dtype, part, 'nk'), woven, { N: 45, rows, part: { first, step: 2 } });
  }
  expect(woven).toEqual(packTiles(K, 90, dtype, turns, 'nk'));
});
