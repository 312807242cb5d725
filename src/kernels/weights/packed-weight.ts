// Weights as `matmul` and `embed` take them: column tiles (weight-tiles.ts) that know their matrix and its storage type.
import type { Device } from '../../gpu/device.ts';
import { TensorError } from '../../gpu/errors.ts';
import { PackedMatrix } from '../../gpu/packed-matrix.ts';
import { Tensor } from '../../gpu/tensor.ts';
import { quote } from '../../util/quote.ts';
import type { QuantizedRows } from './quantized-rows.ts';
import {
  packQuantizedTiles,
  packTiles,
  TILE,
  tiledShape,
  tileRows,
  WEIGHT_DTYPES,
  type WeightDType,
  type WeightOrder,
  weightConditions,
} from './weight-tiles.ts';

/** A K×N weight on the GPU. `packWeight` makes one of a whole matrix. */
export class PackedWeight extends PackedMatrix {
  readonly dtype: WeightDType;
  readonly K: number;
  readonly N: number;

  private constructor(K: number, N: number, dtype: WeightDType, words: Tensor) {
    super([K, N], words);
    this.K = K;
    this.N = N;
    this.dtype = dtype;
  }

  /**
   * A new weight of zeros.
   *
   * @throws TensorError for a size that is no integer ≥ 1, or an unknown storage type; GpuError beyond the adapter's
   * largest buffer.
   */
  static create(device: Device, label: string, [K, N]: readonly [number, number], dtype: WeightDType): PackedWeight {
    for (const [name, size] of Object.entries({ K, N })) {
      if (!Number.isSafeInteger(size) || size < 1) {
        throw new TensorError(label, `${name} is ${quote(size)}, expected an integer ≥ 1`);
      }
    }
    if (!WEIGHT_DTYPES.includes(dtype)) {
      throw new TensorError(label, `dtype is ${quote(dtype)}, expected one of ${WEIGHT_DTYPES.join(', ')}`);
    }
    return new PackedWeight(K, N, dtype, Tensor.create(device, label, 'u32', tiledShape(K, N, dtype)));
  }

  /** A weight over words that someone else owns and frees. @throws TensorError unless they have the shape of its tiles. */
  static over(words: Tensor, [K, N]: readonly [number, number], dtype: WeightDType): PackedWeight {
    const shape = tiledShape(K, N, dtype);
    if (words.dtype !== 'u32' || words.shape.join() !== shape.join()) {
      const expected = `u32[${shape}] for K = ${K}, N = ${N} in ${dtype}`;
      throw new TensorError(words.label, `words are ${words.dtype}[${words.shape}], expected ${expected}`);
    }
    return new PackedWeight(K, N, dtype, words.prefix(words.shape));
  }

  get conditions(): Readonly<Record<string, boolean>> {
    return weightConditions(this.dtype);
  }

  /**
   * Overwrites columns [first, first + count). Except for the last ones of the weight, they are whole tiles of 32.
   *
   * @param matrix K · count numbers.
   * @returns the bytes written.
   * @throws TensorError for columns that it does not have, torn tiles, and a matrix of another size; RangeValueError for a
   * matrix of another type, or an unknown order.
   */
  writeColumns(first: number, count: number, matrix: Float32Array, order: WeightOrder = 'kn'): number {
    const { K, dtype, label } = this;
    this.#checkColumns(first, count);
    if (matrix.length !== K * count) {
      throw new TensorError(label, `${matrix.length} elements, expected ${K * count} for K = ${K}, N = ${count}`);
    }
    return this.#write(first, packTiles(K, count, dtype, matrix, order));
  }

  /**
   * Overwrites columns [first, first + count) by rows that are quantized already, as they are; whole tiles as for `writeColumns`.
   *
   * @param rows [count, K]
   * @returns the bytes written.
   * @throws TensorError for columns that it does not have, torn tiles, and rows of another storage type; RangeValueError for
   * another number of rows, a value that four bits don't hold, and scales whose products are not exact.
   */
  writeQuantized(first: number, count: number, rows: QuantizedRows): number {
    const { K, dtype, label } = this;
    this.#checkColumns(first, count);
    if (rows.dtype !== dtype) throw new TensorError(label, `rows are ${rows.dtype}, expected ${dtype}`);
    return this.#write(first, packQuantizedTiles(K, count, rows));
  }

  #checkColumns(first: number, count: number): void {
    const { N, label } = this;
    const end = first + count;
    const whole = first % TILE === 0 && (count % TILE === 0 || end === N);
    if (!(first >= 0 && count >= 1 && end <= N && whole)) {
      throw new TensorError(label, `columns [${first}, ${end}), expected whole tiles of ${TILE} of its ${N}`);
    }
  }

  #write(first: number, words: Uint32Array): number {
    this.words.write(words, (first / TILE) * tileRows(this.K, this.dtype) * TILE);
    return words.byteLength;
  }

  /** Fills the weight with one tile of 32 columns, again and again: for measurements. @param tile K · 32 numbers. */
  repeatTile(tile: Float32Array): void {
    const words = packTiles(this.K, TILE, this.dtype, tile, 'kn');
    for (let start = 0; start < this.words.length; start += words.length) this.words.write(words, start);
  }
}
