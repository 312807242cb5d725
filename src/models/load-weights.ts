// Loader of weights: streams them from their source to the GPU as the architecture's table says. At most one matrix, or a
// chunk of the vocabulary, is in host memory at a time.
import { setImmediate } from 'node:timers/promises';
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { placeColumns } from '../kernels/weights/tile-columns.ts';
import { vocabularyRanges } from '../kernels/weights/vocabulary-ranges.ts';
import { packQuantizedTiles, packTiles, TILE, tileRows, type WeightDType } from '../kernels/weights/weight-tiles.ts';
import { numElements } from '../util/math.ts';
import { placeRows } from '../util/parts.ts';
import { type ModelDefinition, outerTensors } from './architecture.ts';
import { LoadedWeights } from './loaded-weights.ts';
import { type StoredForm, StoredTensor } from './stored-tensor.ts';
import { type FusedTensor, fuseTensors, numZeros, placeOf, type TensorSpec } from './tensor-specs.ts';
import type { WeightSource } from './weight-source.ts';
import { storageOf, type WeightStorage } from './weight-storage.ts';
import type { VocabularyRange } from './weights.ts';

/** Callback with the bytes written so far; what it throws ends the loading. */
export type WeightProgress = (bytes: number) => void;

/** Bytes of vocabulary that are packed at a time. */
const CHUNK_BYTES = 8 * 2 ** 20;

/**
 * Streams the weights of a model to the GPU.
 *
 * @throws GpuError when the adapter has no room for them; nothing is left on the device then.
 */
export async function loadWeights(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  storage: WeightStorage,
  onProgress: WeightProgress = () => {},
): Promise<LoadedWeights> {
  using owned = new DisposableStack();
  const loader = new WeightLoader(device, source, storage, owned, onProgress);
  const weights = await device.checked('loading weights', async () => {
    const outer = outerTensors(model, source.tiedHead);
    const noBias = await loader.zeros(numZeros(model.config.vocabSize, [...outer, ...model.layerTensors(0)]));
    const tensors: StoredTensor[] = [];
    const load = async (specs: readonly TensorSpec[]) => {
      for (const fused of fuseTensors(specs)) tensors.push(new StoredTensor(fused, await loader.load(fused)));
    };
    await load(outer);
    for (let layer = 0; layer < model.config.numLayers; layer++) await load(model.layerTensors(layer));
    return new LoadedWeights(tensors, noBias);
  });
  owned.move();
  return weights;
}

/** Reads tensors from a source and writes them to the GPU, one after another. */
class WeightLoader {
  readonly #device: Device;
  readonly #source: WeightSource;
  readonly #storage: WeightStorage;
  readonly #owned: DisposableStack;
  readonly #onProgress: WeightProgress;
  #bytes = 0;

  constructor(
    device: Device,
    source: WeightSource,
    storage: WeightStorage,
    owned: DisposableStack,
    onProgress: WeightProgress,
  ) {
    this.#device = device;
    this.#source = source;
    this.#storage = storage;
    this.#owned = owned;
    this.#onProgress = onProgress;
  }

  /** Loads a tensor in the form that its role has. */
  load(tensor: FusedTensor): Promise<StoredForm> {
    if (tensor.role === 'embedding' || tensor.role === 'head') return this.#vocabulary(tensor);
    return tensor.role === 'matrix' ? this.#matrix(tensor) : this.#f32(tensor);
  }

  /** Makes the zeros that stand for missing biases and shifts. */
  async zeros(size: number): Promise<Tensor> {
    const tensor = this.#own(Tensor.create(this.#device, 'no bias', 'f32', [size]));
    await this.#wrote(4 * size);
    return tensor;
  }

  /** Loads a vector or a table as it is. */
  async #f32(tensor: FusedTensor): Promise<Tensor> {
    const data = new Float32Array(numElements(tensor.shape));
    for (const part of tensor.parts) {
      placeRows(await this.#whole(part), data, numElements(part.shape.slice(1)), placeOf(part, tensor));
    }
    const created = this.#own(Tensor.create(this.#device, tensor.name, 'f32', tensor.shape));
    created.write(data);
    await this.#wrote(data.byteLength);
    return created;
  }

  /** Loads a matrix, and those beside it in one weight, as column tiles. */
  async #matrix(tensor: FusedTensor): Promise<PackedWeight> {
    const { name, shape, parts } = tensor;
    const [K = 0, N = 0] = shape;
    const w = this.#own(PackedWeight.create(this.#device, name, [K, N], storageOf(tensor, this.#storage)));
    let words: Uint32Array | null = null;
    for (const part of parts) {
      const packed = await this.#packed(part, w);
      if (parts.length === 1) words = packed;
      else {
        words ??= new Uint32Array(w.words.length);
        const columns = { N: numElements(part.shape) / K, rows: tileRows(K, w.dtype), part: placeOf(part, tensor) };
        placeColumns(packed, words, columns);
      }
    }
    if (words !== null) w.words.write(words);
    await this.#wrote(w.words.range.size);
    return w;
  }

  /** Packs a matrix of the files into tiles of its own. */
  async #packed(part: TensorSpec, { K, dtype }: PackedWeight): Promise<Uint32Array> {
    const { name, shape, order = 'kn' } = part;
    const N = numElements(shape) / K;
    // Groups of a file lie along its rows: down the columns of `nk` alone.
    const rows = order === 'nk' ? await this.#quantized(dtype, name, 0, N) : null;
    return rows === null ? packTiles(K, N, dtype, await this.#whole(part), order) : packQuantizedTiles(K, N, rows);
  }

  /** Loads a [V, C] table in as few ranges as the adapter's largest binding allows. */
  async #vocabulary(tensor: FusedTensor): Promise<VocabularyRange[]> {
    const { name, shape } = tensor;
    const [C = 0, V = 0] = shape;
    const dtype = storageOf(tensor, this.#storage);
    const tileBytes = 4 * tileRows(C, dtype) * TILE;
    const { maxStorageBufferBindingSize } = this.#device.gpu.limits;
    const chunkRows = TILE * Math.max(Math.floor(CHUNK_BYTES / tileBytes), 1);
    const ranges: VocabularyRange[] = [];
    for (const { first, size } of vocabularyRanges(V, C, dtype, maxStorageBufferBindingSize)) {
      const label = `${name}[${first}:${first + size}]`;
      const w = this.#own(PackedWeight.create(this.#device, label, [C, size], dtype));
      for (let row = 0; row < size; row += chunkRows) {
        const rows = Math.min(chunkRows, size - row);
        const quantized = await this.#quantized(dtype, name, first + row, rows);
        if (quantized === null) {
          const table = new Float32Array(rows * C);
          await this.#source.readRows(name, first + row, rows, table);
          await this.#wrote(w.writeColumns(row, rows, table, 'nk'));
        } else await this.#wrote(w.writeQuantized(row, rows, quantized));
      }
      ranges.push({ first, size, w });
    }
    return ranges;
  }

  /** Reads rows as the source has them quantized, where a weight stores them so; null for others. */
  async #quantized(dtype: WeightDType, name: string, startRow: number, numRows: number) {
    const isAsked = typeof this.#storage === 'string';
    if (isAsked || (dtype !== 'q8_32' && dtype !== 'q4')) return null;
    return (await this.#source.readQuantized?.(name, startRow, numRows)) ?? null;
  }

  /** Reads a whole tensor of the files. */
  async #whole({ name, shape }: TensorSpec): Promise<Float32Array> {
    const values = new Float32Array(numElements(shape));
    await this.#source.readRows(name, 0, shape[0] ?? 0, values);
    return values;
  }

  #own<T extends Tensor | PackedWeight>(tensor: T): T {
    return this.#owned.adopt(tensor, (owned) => owned.close());
  }

  /** Signals and timers get a turn between two writes, so that loading can be interrupted: `onProgress` may throw. */
  async #wrote(bytes: number): Promise<void> {
    this.#bytes += bytes;
    await setImmediate();
    this.#onProgress(this.#bytes);
  }
}
