// Columns of packed weights: each lies in words of its own, so that a column moves from one weight to another as it is stored.
import { type PartOf, partIndex } from '../../util/parts.ts';
import { weightOf } from './weight-groups.ts';
import { firstWord, layoutOf, TILE, tileRows, type WeightDType, type WeightOrder } from './weight-tiles.ts';

/**
 * Unpacks the tiles of a K×N weight: the inverse of `packTiles`, but for what its storage rounds off.
 *
 * @returns K · N numbers; `kn`: rows of N, `nk`: rows of K.
 */
export function unpackTiles(
  K: number,
  N: number,
  dtype: WeightDType,
  words: Uint32Array,
  order: WeightOrder,
): Float32Array {
  const rows = tileRows(K, dtype);
  const [strideK, strideN] = order === 'kn' ? [N, 1] : [1, K];
  const read = elementReader(words, dtype);
  const out = new Float32Array(K * N);
  for (let n = 0; n < N; n++) {
    const at = firstWord(n, rows);
    for (let k = 0; k < K; k++) out[n * strideN + k * strideK] = read(at, k);
  }
  return out;
}

/**
 * Copies the N columns of a part, packed by itself, to their places in the tiles of a weight of the same K and storage type.
 *
 * @param rows rows of words in a tile.
 */
export function placeColumns(
  packed: Uint32Array,
  words: Uint32Array,
  { N, rows, part }: { readonly N: number; readonly rows: number; readonly part: PartOf },
): void {
  for (let n = 0; n < N; n++) {
    let from = firstWord(n, rows);
    let to = firstWord(partIndex(n, part), rows);
    for (let row = 0; row < rows; row++, from += TILE, to += TILE) words[to] = packed[from]!;
  }
}

/** Returns how to read element k of a column; `at` is the word of its first row. */
function elementReader(words: Uint32Array, dtype: WeightDType): (at: number, k: number) => number {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  if (dtype === 'f32') return (at, k) => floats[at + k * TILE]!;
  if (dtype === 'f16') {
    const halves = new Float16Array(words.buffer, words.byteOffset, 2 * words.length);
    return (at, k) => halves[2 * (at + (k >> 1) * TILE) + (k & 1)]!;
  }
  const { group, wordK, scaleRows } = layoutOf(dtype);
  const bits = 32 / wordK;
  const isSigned = dtype !== 'q4';
  return (at, k) => {
    const first = at + Math.floor(k / group) * (scaleRows + group / wordK) * TILE;
    const i = k % group;
    const word = words[first + (scaleRows + Math.floor(i / wordK)) * TILE]!;
    // To the top of the word, and down again with its sign or with zeros.
    const top = word << (32 - bits * ((i % wordK) + 1));
    const code = isSigned ? top >> (32 - bits) : top >>> (32 - bits);
    return weightOf(code, { scale: floats[first]!, minimum: scaleRows > 1 ? floats[first + TILE]! : 0 });
  };
}
