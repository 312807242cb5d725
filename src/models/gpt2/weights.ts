import { setImmediate } from 'node:timers/promises';
import type { Device } from '../../gpu/device.ts';
import { Tensor } from '../../gpu/tensor.ts';
import { PackedWeight } from '../../kernels/weights/packed-weight.ts';
import { vocabularyRanges } from '../../kernels/weights/vocabulary-ranges.ts';
import { TILE, tileRows, type WeightDType } from '../../kernels/weights/weight-tiles.ts';
import type { WeightSource } from '../weight-source.ts';
import type { LinearWeights, NormWeights, VocabularyRange } from '../weights.ts';
import type { GPT2Config } from './config.ts';

/** Weights of one transformer layer. */
export interface LayerWeights {
  readonly norm1: NormWeights;
  readonly qkv: LinearWeights;
  readonly projection: LinearWeights;
  readonly norm2: NormWeights;
  readonly fc: LinearWeights;
  readonly fcProjection: LinearWeights;
}

/** Weights of a GPT-2 without their owner. */
export type GPT2Tensors = Omit<GPT2Weights, 'close'>;

/** Called while weights load, with bytes written so far; what it throws ends the loading. */
export type LoadProgress = (bytes: number) => void;

/** Bytes of vocabulary that are packed at a time. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** All weights of a GPT-2 on the GPU: matrices in column tiles of `dtype`, vectors and wpe in f32. */
export class GPT2Weights {
  readonly dtype: WeightDType;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: NormWeights;
  /** wpe[X, C] */
  readonly positions: Tensor;
  readonly embedding: readonly VocabularyRange[];
  /** The embedding's own ranges where the head is tied. */
  readonly head: readonly VocabularyRange[];
  /** [V] zeros: the LM head has no bias. */
  readonly noBias: Tensor;
  readonly #tensors: readonly (Tensor | PackedWeight)[];

  private constructor(fields: GPT2Tensors, tensors: readonly (Tensor | PackedWeight)[]) {
    this.dtype = fields.dtype;
    this.layers = fields.layers;
    this.finalNorm = fields.finalNorm;
    this.positions = fields.positions;
    this.embedding = fields.embedding;
    this.head = fields.head;
    this.noBias = fields.noBias;
    this.#tensors = tensors;
  }

  /**
   * Streams the weights from their source to the GPU: at most one matrix, or a chunk of the vocabulary, is in host
   * memory at a time.
   *
   * @throws GpuError when the adapter has no room for them.
   */
  static async load(
    device: Device,
    config: GPT2Config,
    source: WeightSource,
    dtype: WeightDType,
    onProgress: LoadProgress = () => {},
  ): Promise<GPT2Weights> {
    const loader = new WeightLoader(device, source, dtype, onProgress);
    try {
      return await device.checked('loading weights', () => loadAll(loader, config, source.tiedHead));
    } catch (error) {
      for (const tensor of loader.tensors) tensor.close();
      throw error;
    }

    async function loadAll(from: WeightLoader, { numLayers, vocabSize, hiddenSize }: GPT2Config, tied: boolean) {
      const embedding = await from.vocabulary('wte.weight', vocabSize, hiddenSize);
      const layers: LayerWeights[] = [];
      for (let l = 0; l < numLayers; l++) layers.push(await loadLayer(from, `h.${l}`));
      const fields = {
        dtype,
        layers,
        finalNorm: await from.norm('ln_f'),
        positions: await from.tensor('wpe.weight'),
        embedding,
        head: tied ? embedding : await from.vocabulary('lm_head.weight', vocabSize, hiddenSize),
        noBias: await from.zeros('no bias', vocabSize),
      };
      return new GPT2Weights(fields, from.tensors);
    }
  }

  /** Idempotent. */
  close(): void {
    for (const tensor of this.#tensors) tensor.close();
  }
}

async function loadLayer(from: WeightLoader, name: string): Promise<LayerWeights> {
  return {
    norm1: await from.norm(`${name}.ln_1`),
    qkv: await from.linear(`${name}.attn.c_attn`),
    projection: await from.linear(`${name}.attn.c_proj`),
    norm2: await from.norm(`${name}.ln_2`),
    fc: await from.linear(`${name}.mlp.c_fc`),
    fcProjection: await from.linear(`${name}.mlp.c_proj`),
  };
}

class WeightLoader {
  readonly tensors: (Tensor | PackedWeight)[] = [];
  readonly #device: Device;
  readonly #source: WeightSource;
  readonly #dtype: WeightDType;
  readonly #onProgress: LoadProgress;
  #bytes = 0;

  constructor(device: Device, source: WeightSource, dtype: WeightDType, onProgress: LoadProgress) {
    this.#device = device;
    this.#source = source;
    this.#dtype = dtype;
    this.#onProgress = onProgress;
  }

  /** A vector or table in f32, as it is. */
  async tensor(name: string): Promise<Tensor> {
    const shape = this.#source.shape(name);
    const data = await this.#rows(name, 0, shape[0] ?? 0);
    const tensor = this.#own(Tensor.create(this.#device, name, 'f32', shape));
    tensor.write(data);
    await this.#wrote(data.byteLength);
    return tensor;
  }

  async zeros(name: string, size: number): Promise<Tensor> {
    const tensor = this.#own(Tensor.create(this.#device, name, 'f32', [size]));
    await this.#wrote(4 * size);
    return tensor;
  }

  async norm(name: string): Promise<NormWeights> {
    return { gamma: await this.tensor(`${name}.weight`), beta: await this.tensor(`${name}.bias`) };
  }

  /** A K×N matrix, stored [K, N]. */
  async linear(name: string): Promise<LinearWeights> {
    const matrix = `${name}.weight`;
    const [K = 0, N = 0] = this.#source.shape(matrix);
    const rows = await this.#rows(matrix, 0, K);
    const w = this.#own(PackedWeight.create(this.#device, matrix, [K, N], this.#dtype));
    await this.#wrote(w.writeColumns(0, N, rows));
    return { w, bias: await this.tensor(`${name}.bias`) };
  }

  /** A [V, C] table in as few ranges as the adapter's largest binding allows. */
  async vocabulary(name: string, V: number, C: number): Promise<VocabularyRange[]> {
    const tileBytes = 4 * tileRows(C, this.#dtype) * TILE;
    const { maxStorageBufferBindingSize } = this.#device.gpu.limits;
    const chunkRows = TILE * Math.max(Math.floor(CHUNK_BYTES / tileBytes), 1);
    const ranges: VocabularyRange[] = [];
    for (const { first, size } of vocabularyRanges(V, C, this.#dtype, maxStorageBufferBindingSize)) {
      const label = `${name}[${first}:${first + size}]`;
      const w = this.#own(PackedWeight.create(this.#device, label, [C, size], this.#dtype));
      for (let row = 0; row < size; row += chunkRows) {
        const rows = Math.min(chunkRows, size - row);
        const table = await this.#rows(name, first + row, rows);
        await this.#wrote(w.writeColumns(row, rows, table, 'nk'));
      }
      ranges.push({ first, size, w });
    }
    return ranges;
  }

  async #rows(name: string, start: number, count: number): Promise<Float32Array> {
    const [, ...row] = this.#source.shape(name);
    const out = new Float32Array(count * row.reduce((product, size) => product * size, 1));
    await this.#source.readRows(name, start, count, out);
    return out;
  }

  #own<T extends Tensor | PackedWeight>(tensor: T): T {
    this.tensors.push(tensor);
    return tensor;
  }

  /** Signals and timers get a turn between two writes, so that loading can be interrupted: `onProgress` may throw. */
  async #wrote(bytes: number): Promise<void> {
    this.#bytes += bytes;
    await setImmediate();
    this.#onProgress(this.#bytes);
  }
}
