// A source of weights whose numbers a function of the caller's changes as they are read. It gets each tensor whole, so that one tensor at
// a time stands in the host's memory.
import type { QuantizedRows } from '../kernels/weights/quantized-rows.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { numElements } from '../util/math.ts';
import { checkValues } from './check-values.ts';
import { checkRows, rowLength, type WeightSource } from './weight-source.ts';

/**
 * Changes a tensor of a model's files before it is rounded to its storage.
 *
 * @param name as the model's table has it: Hugging Face's, without the prefix of its architecture.
 * @param values a copy, which may be changed and returned.
 * @param shape that in the files.
 * @returns as many numbers, or null to leave the tensor as it is.
 */
export type MapWeight = (name: string, values: Float32Array, shape: readonly number[]) => Float32Array | null;

/** Returns a source as it is, or changed by a function, which then owns it. */
export function mapSource(source: WeightSource, mapWeight: MapWeight | undefined): WeightSource {
  return mapWeight === undefined ? source : new MappedSource(source, mapWeight);
}

/** Weights of another source, which it owns, changed by a function. */
class MappedSource implements WeightSource {
  readonly #source: WeightSource;
  readonly #mapWeight: MapWeight;
  /** The tensor that was asked for last; null values for one that stays as it is. */
  #last: { readonly name: string; readonly values: Float32Array | null } | null = null;

  constructor(source: WeightSource, mapWeight: MapWeight) {
    this.#source = source;
    this.#mapWeight = mapWeight;
  }

  get tiedHead(): boolean {
    return this.#source.tiedHead;
  }

  dtypeOf(name: string): WeightDType {
    return this.#source.dtypeOf(name);
  }

  shape(name: string): readonly number[] {
    return this.#source.shape(name);
  }

  /** @throws as any source; RangeValueError for a function that returns anything but as many finite numbers, or null. */
  async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    const values = await this.#mapped(name);
    if (values === null) return await this.#source.readRows(name, startRow, numRows, out);
    const shape = this.shape(name);
    checkRows(shape, startRow, numRows, out);
    const length = rowLength(shape);
    out.set(values.subarray(startRow * length, (startRow + numRows) * length));
  }

  async readQuantized(name: string, startRow: number, numRows: number): Promise<QuantizedRows | null> {
    if ((await this.#mapped(name)) !== null) return null;
    return (await this.#source.readQuantized?.(name, startRow, numRows)) ?? null;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #mapped(name: string): Promise<Float32Array | null> {
    if (this.#last?.name === name) return this.#last.values;
    this.#last = null;
    const shape = this.shape(name);
    const read = new Float32Array(numElements(shape));
    await this.#source.readRows(name, 0, shape[0] ?? 0, read);
    const values = this.#mapWeight(name, read, shape);
    if (values !== null) checkValues(`mapWeight of ${name}`, values, shape);
    this.#last = { name, values };
    return values;
  }
}
