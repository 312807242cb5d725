// Loader of weights: streams them from their source to the GPU as the architecture's table says. At most one matrix, or a
// chunk of the vocabulary, is in host memory at a time.
import { setImmediate } from 'node:timers/promises';
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { joinQuantizedRows } from '../kernels/weights/quantized-rows.ts';
import { vocabularyRanges } from '../kernels/weights/vocabulary-ranges.ts';
import { TILE, tileRows } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';
import { spreadRows } from '../util/spread-rows.ts';
import { type ModelDefinition, outerTensors } from './architecture.ts';
import { type FusedTensor, fuseTensors, numZeros, type TensorRole } from './tensor-specs.ts';
import type { WeightSource } from './weight-source.ts';
import { storageOf, type WeightStorage } from './weight-storage.ts';
import type { LinearWeights, NormWeights, VocabularyRange, Weights } from './weights.ts';

/** Callback with the bytes written so far; what it throws ends the loading. */
export type WeightProgress = (bytes: number) => void;

/** Bytes of vocabulary that are packed at a time. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** Weights of a model, loaded by `load`: matrices in column tiles, vectors and tables in f32. */
export class LoadedWeights implements Weights {
  readonly embedding: readonly VocabularyRange[];
  readonly head: readonly VocabularyRange[];
  readonly noBias: Tensor;
  readonly #modules: Modules;
  readonly #owned: DisposableStack;

  private constructor(modules: Modules, noBias: Tensor, owned: DisposableStack) {
    this.embedding = modules.embedding;
    this.head = modules.head ?? modules.embedding;
    this.noBias = noBias;
    this.#modules = modules;
    this.#owned = owned;
  }

  /**
   * Streams the weights of a model to the GPU.
   *
   * @throws GpuError when the adapter has no room for them; nothing is left on the device then.
   */
  static async load(
    device: Device,
    model: ModelDefinition,
    source: WeightSource,
    storage: WeightStorage,
    onProgress: WeightProgress = () => {},
  ): Promise<LoadedWeights> {
    using owned = new DisposableStack();
    const loader = new WeightLoader(device, source, storage, owned, onProgress);
    return await device.checked('loading weights', async () => {
      const outer = outerTensors(model, source.tiedHead);
      const noBias = await loader.zeros(numZeros(model.config.vocabSize, [...outer, ...model.layerTensors(0)]));
      const modules = new Modules();
      await loader.load(fuseTensors(outer), modules, noBias);
      for (let layer = 0; layer < model.config.numLayers; layer++) {
        await loader.load(fuseTensors(model.layerTensors(layer)), modules, noBias);
      }
      return new LoadedWeights(modules, noBias, owned.move());
    });
  }

  norm(module: string): NormWeights {
    return find(this.#modules.norms, module, 'norm');
  }

  linear(module: string): LinearWeights {
    return find(this.#modules.linears, module, 'linear module');
  }

  table(module: string): Tensor {
    return find(this.#modules.tables, module, 'table');
  }

  /** Idempotent. */
  close(): void {
    this.#owned.dispose();
  }
}

/** Weights that are loaded so far, by module. */
class Modules {
  embedding: readonly VocabularyRange[] = [];
  head: readonly VocabularyRange[] | null = null;
  readonly norms = new Map<string, NormWeights>();
  readonly linears = new Map<string, LinearWeights>();
  readonly tables = new Map<string, Tensor>();
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

  /** Loads tensors into the modules that they belong to; a bias and a shift come with the matrix or gain of their module. */
  async load(tensors: readonly FusedTensor[], modules: Modules, zeros: Tensor): Promise<void> {
    for (const tensor of tensors) {
      const { role, module, shape } = tensor;
      const vector = async (of: TensorRole): Promise<Tensor> => {
        const stored = tensors.find((other) => other.role === of && other.module === module);
        return stored ? await this.#f32(stored) : zeros.prefix(shape.slice(-1));
      };
      if (role === 'embedding') modules.embedding = await this.#vocabulary(tensor);
      else if (role === 'head') modules.head = await this.#vocabulary(tensor);
      else if (role === 'table') modules.tables.set(module, await this.#f32(tensor));
      else if (role === 'matrix') {
        modules.linears.set(module, { w: await this.#matrix(tensor), bias: await vector('bias') });
      } else if (role === 'gain') {
        modules.norms.set(module, { gamma: await this.#f32(tensor), beta: await vector('shift') });
      }
    }
  }

  /** Makes the zeros that stand for missing biases and shifts. */
  async zeros(size: number): Promise<Tensor> {
    const tensor = this.#own(Tensor.create(this.#device, 'no bias', 'f32', [size]));
    await this.#wrote(4 * size);
    return tensor;
  }

  /** Loads a vector or a table as it is. */
  async #f32(tensor: FusedTensor): Promise<Tensor> {
    const data = await this.#whole(tensor);
    const created = this.#own(Tensor.create(this.#device, tensor.name, 'f32', tensor.shape));
    created.write(data);
    await this.#wrote(data.byteLength);
    return created;
  }

  /** Loads a matrix, and those beside it in one weight, as column tiles. */
  async #matrix(tensor: FusedTensor): Promise<PackedWeight> {
    const { name, shape, parts } = tensor;
    const [K = 0, N = 0] = shape;
    const order = parts[0]?.order ?? 'kn';
    const w = this.#own(PackedWeight.create(this.#device, name, [K, N], storageOf(tensor, this.#storage)));
    // Groups of a file lie along its rows: down the columns of `nk` alone.
    const read = order === 'nk' ? this.#quantized(w) : null;
    if (read === null) await this.#wrote(w.writeColumns(0, N, await this.#whole(tensor), order));
    else {
      const rows = await Promise.all(parts.map((part) => read(part.name, 0, part.shape[0] ?? 0)));
      await this.#wrote(w.writeQuantized(0, N, joinQuantizedRows(rows, parts[0]?.alternates ? K : null)));
    }
    return w;
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
        const read = this.#quantized(w);
        if (read === null) {
          const table = new Float32Array(rows * C);
          await this.#source.readRows(name, first + row, rows, table);
          await this.#wrote(w.writeColumns(row, rows, table, 'nk'));
        } else await this.#wrote(w.writeQuantized(row, rows, await read(name, first + row, rows)));
      }
      ranges.push({ first, size, w });
    }
    return ranges;
  }

  /** Returns how to read what the source has quantized as a weight stores it; null for a weight that it has otherwise. */
  #quantized({ dtype }: PackedWeight): NonNullable<WeightSource['readQuantized']> | null {
    const isAsked = typeof this.#storage === 'string';
    if (isAsked || (dtype !== 'q8_32' && dtype !== 'q4')) return null;
    return this.#source.readQuantized?.bind(this.#source) ?? null;
  }

  /** Reads all parts, one after another or a row of each in turn. */
  async #whole({ parts, shape }: FusedTensor): Promise<Float32Array> {
    const out = new Float32Array(numElements(shape));
    let start = 0;
    for (const [index, { name, shape, alternates = false }] of parts.entries()) {
      const [numRows = 0, end] = [shape[0], start + numElements(shape)];
      const part = alternates ? new Float32Array(end - start) : out.subarray(start, end);
      await this.#source.readRows(name, 0, numRows, part);
      if (alternates) spreadRows(part, out, { length: part.length / numRows, first: index, step: parts.length });
      start = end;
    }
    return out;
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

function find<T>(modules: ReadonlyMap<string, T>, module: string, kind: string): T {
  const weights = modules.get(module);
  if (weights !== undefined) return weights;
  throw new RangeValueError(kind, module, `one of ${[...modules.keys()].join(', ')}`);
}
