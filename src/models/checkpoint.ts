// Weights of a Hugging Face directory. Which tensor is which is never guessed: each of the model's must be there once and
// of the shape that the configuration gives it, and none may be left that would change what the model computes.

import { CheckpointError } from '../formats/checkpoint-error.ts';
import { openCheckpointFiles } from '../formats/checkpoint-files.ts';
import { decodeFloats, type FileDtype, isFileDtype } from '../formats/dtypes.ts';
import type { SafetensorsFile } from '../formats/safetensors.ts';
import type { SafetensorsTensor } from '../formats/safetensors-header.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { count } from '../util/count.ts';
import { RangeValueError } from '../util/errors.ts';
import { clip, quoteSome } from '../util/quote.ts';
import type { FileRules, ModelDefinition } from './architecture.ts';
import { type Matched, matchTensors, unknownTensor } from './match-tensors.ts';
import type { TensorSpec } from './tensor-specs.ts';
import { checkRows, rowLength, type WeightSource } from './weight-source.ts';

/** Values that a module computes from its configuration and that some files carry along. */
const BUFFER = /\.rotary_emb\.inv_freq$/;
/** Elements compared at a time to find out whether a stored head is the embedding. */
const COMPARED_ELEMENTS = 2 ** 18;

/** Place of a tensor of the model in the files. */
interface StoredTensor extends SafetensorsTensor {
  readonly file: SafetensorsFile;
  readonly dtype: FileDtype;
}

/** The open weights of a model directory; made by `openCheckpoint`. */
export class Checkpoint implements WeightSource {
  readonly tiedHead: boolean;
  /** A line about the tensors that the model does not use, if there are any. */
  readonly notices: readonly string[];
  readonly #dir: string;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #files: AsyncDisposableStack;

  constructor(dir: string, { weights: tensors, unused, tiedHead }: Tensors, files: AsyncDisposableStack) {
    this.tiedHead = tiedHead;
    this.notices = unused.length === 0 ? [] : [unusedNotice(dir, unused)];
    this.#dir = dir;
    this.#tensors = tensors;
    this.#files = files;
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
  }

  /** Returns f16 for F16, else f32. */
  dtypeOf(name: string): WeightDType {
    return this.#tensor(name).dtype === 'F16' ? 'f16' : 'f32';
  }

  async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    const tensor = this.#tensor(name);
    checkRows(tensor.shape, startRow, numRows, out);
    await readStoredRows(tensor, startRow, numRows, out);
  }

  async close(): Promise<void> {
    await this.#files.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeValueError('tensor', name, `a weight of ${this.#dir}`);
    return tensor;
  }
}

/**
 * Opens the weights in `dir` and checks them against those of `model`; no weights are read yet.
 *
 * A stored head is used when the configuration unties it, and also when it is tied but the values differ from those of
 * the embedding.
 *
 * @throws CheckpointError naming the tensor that is missing, doubled, of another shape or dtype, or unknown in its
 * place in the model.
 * @throws SafetensorsError when a file can't be read.
 */
export async function openCheckpoint(dir: string, model: ModelDefinition): Promise<Checkpoint> {
  await using opened = new AsyncDisposableStack();
  const { weights, unused } = mapTensors(dir, await openCheckpointFiles(dir, opened), model);
  const nameOf = (role: TensorSpec['role']) => model.outerTensors.find((spec) => spec.role === role)?.name ?? '';
  const head = weights.get(nameOf('head'));
  const embedding = weights.get(nameOf('embedding'));
  const { tieWordEmbeddings } = model.config;
  const tiedHead = !head || (tieWordEmbeddings && !!embedding && (await haveEqualValues(head, embedding)));
  if (tiedHead) weights.delete(nameOf('head'));
  return new Checkpoint(dir, { weights, unused, tiedHead }, opened.move());
}

/** Contents of the files of a model. */
interface Tensors extends Pick<Matched<StoredTensor>, 'weights'> {
  readonly tiedHead: boolean;
  /** Names of tensors that the model does not use. */
  readonly unused: readonly string[];
}

/** Takes the model's tensors out of the files. */
function mapTensors(dir: string, files: readonly SafetensorsFile[], model: ModelDefinition): Omit<Tensors, 'tiedHead'> {
  const { files: rules } = model;
  const { weights, rest } = matchTensors(dir, entriesByName(files, rules), model, checkDtype);
  const unused = [...rest].filter(([name]) => !rules.ignored.test(name));
  for (const [name, entry] of unused) if (concernsModel(name, entry, rules)) throw unknownTensor(entry, model);
  return { weights, unused: unused.map(([, { name }]) => name) };
}

type FileEntry = SafetensorsTensor & { readonly file: SafetensorsFile };

/** Canonical name → entry. */
function entriesByName(files: readonly SafetensorsFile[], { prefix, ignored }: FileRules): Map<string, FileEntry> {
  const entries = new Map<string, FileEntry>();
  for (const file of files) {
    for (const tensor of file.tensors.values()) {
      const name = tensor.name.replace(prefix, '');
      const other = entries.get(name);
      if (other !== undefined && !ignored.test(name)) {
        const expected = `only one of it and ${clip(other.name)}`;
        throw new CheckpointError(file.path, { tensor: tensor.name, subject: 'weight', found: 'doubled', expected });
      }
      entries.set(name, { ...tensor, file });
    }
  }
  return entries;
}

function checkDtype(entry: FileEntry): StoredTensor {
  const { dtype } = entry;
  if (isFileDtype(dtype)) return { ...entry, dtype };
  const problem = { tensor: entry.name, subject: 'dtype', found: clip(dtype), expected: 'F32, F16 or BF16' };
  throw new CheckpointError(entry.file.path, problem);
}

/**
 * Returns true for a tensor that would change what the model computes, though it is not in the table: a layer too many, an
 * adapter or the scale of a quantized weight does so, unless it is empty or holds no numbers.
 */
function concernsModel(name: string, { byteLength, dtype }: SafetensorsTensor, { parts }: FileRules): boolean {
  return parts.test(name) && !BUFFER.test(name) && byteLength > 0 && dtype !== 'BOOL';
}

/** Counts the tensors and names the first of them. */
function unusedNotice(dir: string, names: readonly string[]): string {
  const are = names.length === 1 ? 'is' : 'are';
  return `${dir}: ${count(names.length, 'tensor')} ${are} of no use to the model: ${quoteSome(names)}`;
}

async function readStoredRows(tensor: StoredTensor, startRow: number, numRows: number, out: Float32Array) {
  const [rows = 1] = tensor.shape;
  const rowBytes = tensor.byteLength / rows;
  const data = new Uint8Array(numRows * rowBytes);
  await tensor.file.read(tensor, startRow * rowBytes, data);
  decodeFloats(tensor.dtype, data.buffer, out);
}

/** Bit for bit after decoding, reading a few rows at a time up to the first difference. */
async function haveEqualValues(a: StoredTensor, b: StoredTensor): Promise<boolean> {
  const [rows = 1] = a.shape;
  const step = Math.ceil(COMPARED_ELEMENTS / rowLength(a.shape));
  for (let row = 0; row < rows; row += step) {
    const numRows = Math.min(step, rows - row);
    const left = new Float32Array(numRows * rowLength(a.shape));
    const right = new Float32Array(left.length);
    await readStoredRows(a, row, numRows, left);
    await readStoredRows(b, row, numRows, right);
    if (Buffer.compare(new Uint8Array(left.buffer), new Uint8Array(right.buffer)) !== 0) return false;
  }
  return true;
}
