// Storage of weights in column tiles: f32, f16 packed two to a word, and bytes or four bits with scales. Tiles make a lane's load
// one vec4, whichever matrix it comes from.
import { RangeValueError } from '../../util/errors.ts';
import { ceilDiv } from '../../util/math.ts';
import { checkQuantizedRows, type QuantizedRows } from './quantized-rows.ts';
import { type GroupScales, type QuantizedDType, roundGroup, weightOf } from './weight-groups.ts';

/**
 * Storage of a weight matrix. q8: signed bytes, with an f32 scale for every 64 of a column; q8_32: for every 32, as files have
 * them; q4: four bits, with an f32 scale and minimum for every 32.
 */
export type WeightDType = 'f32' | 'f16' | 'q8' | 'q8_32' | 'q4';

/** Layout of a storage type in a tile. */
interface Layout {
  /** The condition under which kernels read it; null for f32. */
  readonly condition: StorageCondition | null;
  /** k of a group: `GROUP` of shaders/packed_weights.wgsl. */
  readonly group: number;
  /** k of a row of words: `WORD_K`. */
  readonly wordK: 1 | 2 | 4 | 8;
  /** Rows of scales and minimums of a group: `SCALE_ROWS`. */
  readonly scaleRows: number;
}

/** Condition by which kernels know how weights are stored. */
export type StorageCondition = 'W_F16' | 'W_Q8' | 'W_Q8_32' | 'W_Q4';

/** All storage conditions: at most one is true. */
export const STORAGE_CONDITIONS: readonly StorageCondition[] = ['W_F16', 'W_Q8', 'W_Q8_32', 'W_Q4'];

const LAYOUTS: Readonly<Record<WeightDType, Layout>> = {
  f32: { condition: null, group: 32, wordK: 1, scaleRows: 0 },
  f16: { condition: 'W_F16', group: 32, wordK: 2, scaleRows: 0 },
  q8: { condition: 'W_Q8', group: 64, wordK: 4, scaleRows: 1 },
  q8_32: { condition: 'W_Q8_32', group: 32, wordK: 4, scaleRows: 1 },
  q4: { condition: 'W_Q4', group: 32, wordK: 8, scaleRows: 2 },
};

/** All storage types. */
export const WEIGHT_DTYPES: readonly WeightDType[] = ['f32', 'f16', 'q8', 'q8_32', 'q4'];

/** Storage type that a caller may ask for: q8_32 is for files that have it. */
export type OfferedDType = Exclude<WeightDType, 'q8_32'>;

/** All storage types that a caller may ask for. */
export const OFFERED_DTYPES: readonly OfferedDType[] = ['f32', 'f16', 'q8', 'q4'];

/** Order of a matrix on the host. `kn`: rows of N; `nk`: rows of K. */
export type WeightOrder = 'kn' | 'nk';

/** All orders. */
export const WEIGHT_ORDERS: readonly WeightOrder[] = ['kn', 'nk'];

/** Columns of a weight tile: `TILE` of shaders/packed_weights.wgsl. */
export const TILE = 32;
/** Conditions of a kernel that reads weights. */
export type StorageConditions = Readonly<Record<StorageCondition, boolean>>;

/** Conditions of a kernel that reads f32, for its declaration. */
export const F32_CONDITIONS: StorageConditions = { W_F16: false, W_Q8: false, W_Q8_32: false, W_Q4: false };

/** The conditions under which `matmul` and `embed` read weights of a type. @throws RangeValueError for an unknown type. */
export function weightConditions(dtype: WeightDType): StorageConditions {
  const { condition } = layoutOf(dtype);
  return condition === null ? F32_CONDITIONS : { ...F32_CONDITIONS, [condition]: true };
}

/** The type of weights that a kernel reads under these conditions. */
export function weightDType(conditions: Readonly<Record<string, boolean>>): WeightDType {
  const isOf = (dtype: WeightDType) => conditions[LAYOUTS[dtype].condition ?? ''];
  return WEIGHT_DTYPES.find(isOf) ?? 'f32';
}

/** Rows of u32 words in a tile of a K×N weight. @throws RangeValueError for an unknown type. */
export function tileRows(K: number, dtype: WeightDType): number {
  const { group, wordK, scaleRows } = layoutOf(dtype);
  return ceilDiv(K, group) * (scaleRows + group / wordK);
}

/** Returns the layout of a storage type. @throws RangeValueError for an unknown type. */
export function layoutOf(dtype: WeightDType): Layout {
  checkOneOf('dtype', dtype, WEIGHT_DTYPES);
  return LAYOUTS[dtype];
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
  const write = columnWriter(words, dtype);
  for (let n = 0; n < N; n++) write(firstWord(n, rows), { source, start: n * strideN, stride: strideK, K });
  return words;
}

/** Packs rows that are quantized already into tiles, as they are: [N, K] of a K×N matrix. @throws as `checkQuantizedRows`. */
export function packQuantizedTiles(K: number, N: number, quantized: QuantizedRows): Uint32Array {
  checkQuantizedRows(quantized, N, K);
  const { dtype, values, scales } = quantized;
  const [tiles, rows] = tiledShape(K, N, dtype);
  const { group } = LAYOUTS[dtype];
  const words = new Uint32Array(tiles * rows * TILE);
  const write = groupWriter(words, dtype);
  for (let first = 0; first < values.length; first += group) {
    const n = Math.floor(first / K);
    const at = first / group;
    const minimum = quantized.dtype === 'q4' ? quantized.minimums[at]! : 0;
    const codes = values.subarray(first, first + group);
    write(firstWord(n, rows), (first % K) / group, { scale: scales[at]!, minimum }, codes);
  }
  return words;
}

/** Returns the word of a column's first row. @param rows rows of words in a tile. */
export function firstWord(n: number, rows: number): number {
  return Math.floor(n / TILE) * rows * TILE + (n % TILE);
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
    const column = { source, start: n * strideN, stride: strideK, K };
    forEachGroup(dtype, column, (first, scales, codes) => {
      codes.forEach((code, i) => {
        stored[column.start + (first + i) * strideK] = weightOf(code, scales);
      });
    });
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

function columnWriter(words: Uint32Array, dtype: WeightDType): WriteColumn {
  if (dtype === 'f32') return writeF32(words);
  if (dtype === 'f16') return writeF16(words);
  const write = groupWriter(words, dtype);
  const { group } = LAYOUTS[dtype];
  return (at, column) => {
    forEachGroup(dtype, column, (first, scales, codes) => write(at, first / group, scales, codes));
  };
}

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

/** Writes a group of a column, whose first row is the word `at`. */
type WriteGroup = (at: number, index: number, scales: GroupScales, codes: Int8Array | Uint8Array) => void;

function groupWriter(words: Uint32Array, dtype: QuantizedDType): WriteGroup {
  const floats = new Float32Array(words.buffer);
  const { group, wordK, scaleRows } = LAYOUTS[dtype];
  const bits = 32 / wordK;
  const mask = 2 ** bits - 1;
  return (at, index, { scale, minimum }, codes) => {
    const first = at + index * (scaleRows + group / wordK) * TILE;
    floats[first] = scale;
    if (scaleRows > 1) floats[first + TILE] = minimum;
    for (let i = 0; i < codes.length; i++) {
      words[first + (scaleRows + Math.floor(i / wordK)) * TILE]! |= (codes[i]! & mask) << (bits * (i % wordK));
    }
  };
}

/** Rounds the groups of a column, one after another. */
function forEachGroup(
  dtype: QuantizedDType,
  { source, start, stride, K }: Column,
  use: (first: number, scales: GroupScales, codes: Int8Array) => void,
): void {
  const { group } = LAYOUTS[dtype];
  const [values, codes] = [new Float32Array(group), new Int8Array(group)];
  for (let first = 0; first < K; first += group) {
    const size = Math.min(group, K - first);
    for (let i = 0; i < size; i++) values[i] = source[start + (first + i) * stride]!;
    const part = codes.subarray(0, size);
    use(first, roundGroup(dtype, values.subarray(0, size), part), part);
  }
}
