// Weights of a model in GGUF files, under the names and in the order of Hugging Face's.
import { CheckpointError } from '../formats/checkpoint-error.ts';
import { decodeBlocks } from '../formats/gguf/decode.ts';
import type { GGUFFiles, StoredGGUFTensor } from '../formats/gguf/gguf-files.ts';
import { isQuantized } from '../formats/gguf/tensor-types.ts';
import type { QuantizedRows } from '../kernels/weights/quantized-rows.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { count } from '../util/count.ts';
import { RangeValueError } from '../util/errors.ts';
import type { GGUFLayout, ModelDefinition } from './architecture.ts';
import { isWidened, quantizedRows, storageOfType } from './gguf-storage.ts';
import { matchTensors, unknownTensor } from './match-tensors.ts';
import type { TensorSpec } from './tensor-specs.ts';
import { checkRowRange, checkRows, type WeightSource } from './weight-source.ts';

/** The open weights of GGUF files; made by `openGGUFCheckpoint`. It owns the files. */
export class GGUFCheckpoint implements WeightSource {
  readonly tiedHead: boolean;
  /** A line about the tensors whose storage rounds them, if there are any. */
  readonly notices: readonly string[];
  readonly #files: GGUFFiles;
  readonly #tensors: ReadonlyMap<string, StoredGGUFTensor>;
  readonly #interleavedRows: GGUFLayout['interleavedRows'];

  constructor(
    files: GGUFFiles,
    tensors: ReadonlyMap<string, StoredGGUFTensor>,
    tiedHead: boolean,
    { interleavedRows }: GGUFLayout,
  ) {
    this.tiedHead = tiedHead;
    this.notices = wideningNotices(files.path, [...tensors.values()]);
    this.#files = files;
    this.#tensors = tensors;
    this.#interleavedRows = interleavedRows;
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
  }

  dtypeOf(name: string): WeightDType {
    return storageOfType(this.#tensor(name).type);
  }

  async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    const tensor = this.#tensor(name);
    checkRows(tensor.shape, startRow, numRows, out);
    decodeBlocks(tensor.type, await this.#readBytes(name, startRow, numRows), out);
  }

  async readQuantized(name: string, startRow: number, numRows: number): Promise<QuantizedRows> {
    const { type, shape } = this.#tensor(name);
    checkRowRange(shape, startRow, numRows);
    return quantizedRows(type, await this.#readBytes(name, startRow, numRows));
  }

  async close(): Promise<void> {
    await this.#files.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tensor(name: string): StoredGGUFTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeValueError('tensor', name, `a weight of ${this.#files.path}`);
    return tensor;
  }

  /** Reads rows as they are stored, in the order of the model. */
  async #readBytes(name: string, startRow: number, numRows: number): Promise<ArrayBuffer> {
    const tensor = this.#tensor(name);
    const [rows = 1] = tensor.shape;
    const rowBytes = tensor.byteLength / rows;
    const headRows = this.#interleavedRows(name);
    // Rows in order, or the whole heads that the rows are in.
    const [first, end] =
      headRows === null
        ? [startRow, startRow + numRows]
        : [Math.floor(startRow / headRows) * headRows, Math.ceil((startRow + numRows) / headRows) * headRows];
    const stored = new Uint8Array((end - first) * rowBytes);
    await tensor.file.read(tensor, first * rowBytes, stored);
    if (headRows === null) return stored.buffer;
    const ordered = new Uint8Array(numRows * rowBytes);
    for (let row = 0; row < numRows; row++) {
      const at = (interleavedRow(startRow + row, headRows) - first) * rowBytes;
      ordered.set(stored.subarray(at, at + rowBytes), row * rowBytes);
    }
    return ordered.buffer;
  }
}

/** Returns the place of a row where those of the two halves of each head stand by turns. */
function interleavedRow(row: number, headRows: number): number {
  const inHead = row % headRows;
  const half = headRows / 2;
  return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
}

/**
 * Checks the tensors of `files` against those of `model`; no weights are read yet. A stored head is used.
 *
 * @throws CheckpointError naming the tensor that is missing, of another shape, a vector of a quantized type, or unknown.
 */
export function openGGUFCheckpoint(files: GGUFFiles, model: ModelDefinition, layout: GGUFLayout): GGUFCheckpoint {
  const { weights, rest } = matchTensors(files.path, files.tensors, model, checkVector, layout.nameOf);
  const unknown = [...rest.values()].find(({ name }) => !layout.configTensors.includes(name));
  if (unknown !== undefined) throw unknownTensor(unknown, model);
  const isHead = ({ role, name }: TensorSpec) => role === 'head' && weights.has(name);
  return new GGUFCheckpoint(files, weights, !model.outerTensors.some(isHead), layout);
}

/** Refuses vectors in blocks: their rows are single numbers. */
function checkVector(tensor: StoredGGUFTensor): StoredGGUFTensor {
  const { name, type, shape, file } = tensor;
  if (shape.length > 1 || !isQuantized(type)) return tensor;
  const expected = 'F32, F16 or BF16 for a vector';
  throw new CheckpointError(file.path, { tensor: name, subject: 'type', found: type.name, expected });
}

/** Counts the tensors of each quantized type that is stored as f32: a line, or none. */
function wideningNotices(path: string, tensors: readonly StoredGGUFTensor[]): string[] {
  const widened = tensors.filter(({ type }) => isWidened(type));
  if (widened.length === 0) return [];
  const counts = Map.groupBy(widened, ({ type }) => type.name);
  const shown = [...counts].map(([name, { length }]) => `${length} of ${name}`).join(', ');
  const are = widened.length === 1 ? 'is' : 'are';
  return [
    `${path}: ${count(widened.length, 'tensor')} (${shown}) ${are} stored as f32 to stay exact; dtype q8 or q4 stores all in fewer bytes`,
  ];
}
