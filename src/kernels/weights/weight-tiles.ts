// Storage of weights in column tiles: f32, f16 packed two to a word, and q8 with scales. Tiles make a lane's load one vec4,
// whichever matrix it comes from.
import { RangeValueError } from '../../util/errors.ts';
import { ceilDiv, roundUp } from '../../util/math.ts';

/** Storage of a weight matrix. q8: signed bytes, with an f32 scale for each group of Q8_GROUP of a column. */
export type WeightDType = 'f32' | 'f16' | 'q8';

/** All storage types. */
export const WEIGHT_DTYPES: readonly WeightDType[] = ['f32', 'f16', 'q8'];

/** Order of a matrix on the host. `kn`: rows of N; `nk`: rows of K. */
export type WeightOrder = 'kn' | 'nk';

/** All orders. */
export const WEIGHT_ORDERS: readonly WeightOrder[] = ['kn', 'nk'];

/** Columns of a weight tile: `TILE` of shaders/packed_weights.wgsl. */
export const TILE = 32;
/** K is padded to a multiple of this, a chunk of the `gpu` class: `K_STEP` of shaders/packed_weights.wgsl. */
const K_STEP = 32;
/** Weights of a column that share a scale: `Q8_GROUP` of shaders/packed_weights.wgsl. */
const Q8_GROUP = 64;
/** Rows of words of a group: its scales, then four k each. */
const Q8_ROWS = 1 + Q8_GROUP / 4;
/** Largest byte of a q8 weight; −128 is not used, so that the steps lie evenly about 0. */
const Q8_MAX = 127;
/** Significant bits of a scale: with the 7 of a byte they fit f32's 24, so that byte · scale is exact. */
const Q8_SCALE_BITS = 16;
/** log2 of f32's smallest number. */
const MIN_EXPONENT = -149;

const CONDITIONS = {
  f32: { W_F16: false, W_Q8: false },
  f16: { W_F16: true, W_Q8: false },
  q8: { W_F16: false, W_Q8: true },
} as const;

/** The conditions under which `matmul` and `embed` read weights of a type. @throws RangeValueError for an unknown type. */
export function weightConditions(dtype: WeightDType): { readonly W_F16: boolean; readonly W_Q8: boolean } {
  checkOneOf('dtype', dtype, WEIGHT_DTYPES);
  return CONDITIONS[dtype];
}

/** The type of weights that a kernel reads under these conditions. */
export function weightDType({ W_F16, W_Q8 }: Readonly<Record<string, boolean>>): WeightDType {
  if (W_Q8) return 'q8';
  return W_F16 ? 'f16' : 'f32';
}

/** Rows of u32 words in a tile of a K×N weight. @throws RangeValueError for an unknown type. */
export function tileRows(K: number, dtype: WeightDType): number {
  checkOneOf('dtype', dtype, WEIGHT_DTYPES);
  switch (dtype) {
    case 'f32':
      return roundUp(K, K_STEP);
    case 'f16':
      return roundUp(K, K_STEP) / 2;
    case 'q8':
      return ceilDiv(K, Q8_GROUP) * Q8_ROWS;
  }
}

/** Shape [tiles, rows, TILE] of a K×N weight in u32 words. @throws RangeValueError for an unknown type. */
export function tiledShape(K: number, N: number, dtype: WeightDType): readonly [number, number, number] {
  return [ceilDiv(N, TILE), tileRows(K, dtype), TILE];
}

/**
 * Packs a K×N matrix into tiles.
 *
 * @param order `kn`: the source holds rows of N; `nk`: rows of K.
 * @returns u32 words of shape `tiledShape(K, N, dtype)`, as shaders/packed_weights.wgsl describes them; padding is zero.
 * @throws RangeValueError for an unknown type or order, and unless the source is K · N numbers of f32.
 */
export function packTiles(
  K: number,
  N: number,
  dtype: WeightDType,
  source: Float32Array,
  order: WeightOrder,
): Uint32Array {
  const [tiles, rows] = tiledShape(K, N, dtype);
  checkSource(K * N, source, order);
  const words = new Uint32Array(tiles * rows * TILE);
  const [strideK, strideN] = order === 'kn' ? [N, 1] : [1, K];
  const write = { f32: writeF32, f16: writeF16, q8: writeQ8 }[dtype](words);
  for (let n = 0; n < N; n++) {
    const tile = Math.floor(n / TILE) * rows * TILE + (n % TILE);
    write(tile, { source, start: n * strideN, stride: strideK, K });
  }
  return words;
}

/**
 * The values of a K×N matrix once they are stored: what `packTiles` keeps of them, in the source's order.
 *
 * @throws as `packTiles`.
 */
export function storedValues(
  K: number,
  N: number,
  dtype: WeightDType,
  source: Float32Array,
  order: WeightOrder,
): Float32Array {
  checkOneOf('dtype', dtype, WEIGHT_DTYPES);
  checkSource(K * N, source, order);
  if (dtype === 'f32') return source;
  if (dtype === 'f16') return new Float32Array(new Float16Array(source));
  const stored = new Float32Array(source.length);
  const [strideK, strideN] = order === 'kn' ? [N, 1] : [1, K];
  for (let n = 0; n < N; n++) {
    for (let first = 0; first < K; first += Q8_GROUP) {
      const group = { source, start: n * strideN, stride: strideK, K };
      const scale = scaleOf(group, first);
      const end = Math.min(first + Q8_GROUP, K);
      for (let k = first; k < end; k++) {
        const at = group.start + k * strideK;
        stored[at] = byteOf(source[at]!, scale) * scale;
      }
    }
  }
  return stored;
}

function checkSource(numElements: number, source: Float32Array, order: WeightOrder): void {
  checkOneOf('order', order, WEIGHT_ORDERS);
  if (source instanceof Float32Array && source.length === numElements) return;
  throw new RangeValueError('source', source, `a Float32Array of ${numElements}`);
}

function checkOneOf<T>(name: string, value: T, known: readonly T[]): void {
  if (!known.includes(value)) throw new RangeValueError(name, value, `one of ${known.join(', ')}`);
}

/** Column of a matrix: K values from `start`, `stride` apart. */
interface Column {
  readonly source: Float32Array;
  readonly start: number;
  readonly stride: number;
  readonly K: number;
}

/** Writes a column; `at` is the word of its first row. */
type WriteColumn = (at: number, column: Column) => void;

function writeF32(words: Uint32Array): WriteColumn {
  const floats = new Float32Array(words.buffer);
  return (at, { source, start, stride, K }) => {
    for (let k = 0; k < K; k++) floats[at + k * TILE] = source[start + k * stride]!;
  };
}

function writeF16(words: Uint32Array): WriteColumn {
  const halves = new Float16Array(words.buffer);
  return (at, { source, start, stride, K }) => {
    for (let k = 0; k < K; k++) halves[2 * (at + (k >> 1) * TILE) + (k & 1)] = source[start + k * stride]!;
  };
}

function writeQ8(words: Uint32Array): WriteColumn {
  const floats = new Float32Array(words.buffer);
  const bytes = new Int8Array(words.buffer);
  return (at, column) => {
    const { source, start, stride, K } = column;
    for (let first = 0; first < K; first += Q8_GROUP) {
      const group = at + (first / Q8_GROUP) * Q8_ROWS * TILE;
      const scale = scaleOf(column, first);
      floats[group] = scale;
      const size = Math.min(Q8_GROUP, K - first);
      for (let i = 0; i < size; i++) {
        bytes[4 * (group + (1 + (i >> 2)) * TILE) + (i & 3)] = byteOf(source[start + (first + i) * stride]!, scale);
      }
    }
  };
}

/**
 * Scale of the group that begins at `first`: the least of Q8_SCALE_BITS that makes a byte of the largest magnitude; NaN
 * where a weight is NaN or ∞.
 */
function scaleOf({ source, start, stride, K }: Column, first: number): number {
  let max = 0;
  const end = Math.min(first + Q8_GROUP, K);
  for (let k = first; k < end; k++) max = Math.max(max, Math.abs(source[start + k * stride]!));
  const least = max / Q8_MAX;
  const unit = 2 ** Math.max(Math.floor(Math.log2(least)) + 1 - Q8_SCALE_BITS, MIN_EXPONENT);
  return Math.ceil(least / unit) * unit;
}

/** The nearest byte; 0 where the scale is 0 or NaN. */
function byteOf(value: number, scale: number): number {
  return Math.round(value / scale) || 0;
}
