// Weights of a Hugging Face directory. Which tensor is which is never guessed: each must be known, there once, and of
// the shape that the configuration gives it.
import type { WeightDType } from '../kernels/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import { CheckpointError, openCheckpointFiles } from './checkpoint-files.ts';
import type { GPT2Config } from './config.ts';
import { decodeFloats, type FileDtype, isFileDtype } from './dtypes.ts';
import { gpt2Tensors, LM_HEAD } from './gpt2-tensors.ts';
import type { SafetensorsFile } from './safetensors.ts';
import type { SafetensorsTensor } from './safetensors-header.ts';
import { checkRows, rowLength, type WeightSource } from './weight-source.ts';

/** Most files have it before every name but that of the head. */
const PREFIX = /^transformer\.(?!lm_head\.)/;
/** Causal masks that old files carry along. */
const LEFTOVER = /^h\.\d+\.attn\.(bias|masked_bias)$/;
/** Elements compared at a time to find out whether a stored head is the embedding. */
const COMPARED_ELEMENTS = 2 ** 18;

/** Where a tensor of the model is stored. */
interface StoredTensor extends SafetensorsTensor {
  readonly file: SafetensorsFile;
  readonly dtype: FileDtype;
}

/** The open weights of a model directory; made by `openCheckpoint`. */
export class Checkpoint implements WeightSource {
  /** f16 when every matrix in the files is F16, else f32. */
  readonly dtype: WeightDType;
  readonly tiedHead: boolean;
  readonly #dir: string;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #files: AsyncDisposableStack;

  constructor(dir: string, tensors: ReadonlyMap<string, StoredTensor>, files: AsyncDisposableStack) {
    const matrices = [...tensors.values()].filter(({ shape }) => shape.length === 2);
    this.dtype = matrices.every(({ dtype }) => dtype === 'F16') ? 'f16' : 'f32';
    this.tiedHead = !tensors.has(LM_HEAD);
    this.#dir = dir;
    this.#tensors = tensors;
    this.#files = files;
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
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
 * Opens the weights in `dir` and checks them against `config`; no weights are read yet.
 *
 * A stored `lm_head.weight` is used when the configuration unties the head, and also when it is tied but the values
 * differ from `wte.weight`.
 * @throws {CheckpointError} naming the tensor that is missing, doubled, unexplained or of another shape or dtype
 * @throws {SafetensorsError} when a file can't be read
 */
export async function openCheckpoint(dir: string, config: GPT2Config): Promise<Checkpoint> {
  await using opened = new AsyncDisposableStack();
  const tensors = mapTensors(dir, await openCheckpointFiles(dir, opened), config);
  const head = tensors.get(LM_HEAD);
  const embedding = tensors.get('wte.weight');
  if (config.tieWordEmbeddings && head && embedding && (await haveEqualValues(head, embedding))) {
    tensors.delete(LM_HEAD);
  }
  return new Checkpoint(dir, tensors, opened.move());
}

/** Canonical name → stored tensor, for every tensor of the model and no other. */
function mapTensors(dir: string, files: readonly SafetensorsFile[], config: GPT2Config): Map<string, StoredTensor> {
  const shapes = gpt2Tensors({ ...config, tieWordEmbeddings: false });
  const tensors = new Map<string, StoredTensor>();
  for (const file of files) {
    for (const entry of file.tensors.values()) {
      const name = entry.name.replace(PREFIX, '');
      if (LEFTOVER.test(name)) continue;
      const fail = (subject: string, found: string, expected: string) =>
        new CheckpointError(file.path, { tensor: entry.name, subject, found, expected });
      const shape = shapes.get(name);
      if (shape === undefined) throw fail('name', 'unknown', `a tensor of a GPT-2 with ${config.numLayers} layers`);
      const other = tensors.get(name);
      if (other !== undefined) throw fail('weight', 'doubled', `only one of it and ${other.name}`);
      const { dtype } = entry;
      if (!isFileDtype(dtype)) throw fail('dtype', dtype, 'F32, F16 or BF16');
      const [got, want] = [showShape(entry.shape), showShape(shape)];
      if (got !== want) throw fail('shape', got, `${want} by the config`);
      tensors.set(name, { ...entry, file, dtype });
    }
  }
  for (const [name, shape] of shapes) {
    if (tensors.has(name) || (name === LM_HEAD && config.tieWordEmbeddings)) continue;
    const reason = name === LM_HEAD ? ', as tie_word_embeddings is false' : '';
    const expected = `one of shape ${showShape(shape)}${reason}`;
    throw new CheckpointError(dir, { tensor: name, subject: 'weight', found: 'missing', expected });
  }
  return tensors;
}

function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
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
