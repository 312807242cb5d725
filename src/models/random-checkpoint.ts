// Pseudo-random weights by the table of a model's tensors: the role of each decides its distribution.
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import { type ModelDefinition, modelTensors } from './architecture.ts';
import type { TensorSpec } from './tensor-specs.ts';
import { checkRows, rowLength, type WeightSource } from './weight-source.ts';

/** Standard deviation of GPT-2's own initialization. */
const STD = 0.02;
/** Mean and standard deviation of the sum of four bytes, each uniform on 0…255: its variance is 4 · (256² − 1) / 12. */
const BYTES_MEAN = 510;
const BYTES_STD = Math.sqrt((256 ** 2 - 1) / 3);

/**
 * Pseudo-random weights in the shapes of a model, for work on speed without its files. Matrices are near normal with std 0.02,
 * projections onto the residual stream with 0.02 / √(2L); gains are 1, biases and shifts 0. Every element is a function of
 * (seed, tensor, index), so any rows can be read in any order.
 */
export class RandomCheckpoint implements WeightSource {
  readonly tiedHead: boolean;
  readonly #specs: ReadonlyMap<string, TensorSpec>;
  readonly #residualStd: number;
  readonly #seed: number;

  /** @param seed an integer in [0, 2^53). */
  constructor(model: ModelDefinition, seed: number) {
    const { config } = model;
    this.tiedHead = config.tieWordEmbeddings;
    this.#specs = new Map([...modelTensors(model)].map((spec) => [spec.name, spec]));
    this.#residualStd = STD / Math.sqrt(2 * config.numLayers);
    this.#seed = seed;
  }

  shape(name: string): readonly number[] {
    return this.#spec(name).shape;
  }

  dtypeOf(name: string): WeightDType {
    this.#spec(name);
    return 'f16';
  }

  async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    const { shape, role, residual } = this.#spec(name);
    checkRows(shape, startRow, numRows, out);
    if (role === 'bias' || role === 'shift') out.fill(0);
    else if (role === 'gain') out.fill(1);
    else {
      const std = residual ? this.#residualStd : STD;
      fillRandom(out, startRow * rowLength(shape), tensorKey(this.#seed, name), std);
    }
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #spec(name: string): TensorSpec {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new RangeValueError('tensor', name, 'a weight of the model');
    return spec;
  }
}

/** Writes elements `[start, start + out.length)` of the stream `key`, with this standard deviation. */
function fillRandom(out: Float32Array, start: number, key: number, std: number): void {
  const scale = std / BYTES_STD;
  for (let i = 0; i < out.length; i++) {
    const bits = mix(Math.imul(start + i, 0x9e3779b1) ^ key);
    const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
    out[i] = (sum - BYTES_MEAN) * scale;
  }
}

function tensorKey(seed: number, name: string): number {
  let key = mix(mix(seed) ^ Math.floor(seed / 2 ** 32));
  for (let i = 0; i < name.length; i++) key = mix(key ^ name.charCodeAt(i));
  return key;
}

/** Mixes the bits of a 32-bit integer, by a bijection in which every one changes about half of the output bits (lowbias32). */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
