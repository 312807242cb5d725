import { RangeValueError } from '../util/errors.ts';
import type { GPT2Config } from './gpt2/config.ts';
import { gpt2Tensors } from './gpt2/tensors.ts';
import { checkRows, rowLength, type WeightSource } from './weight-source.ts';

/** Standard deviation of GPT-2's own initialization. */
const STD = 0.02;
/** Of the sum of four bytes, each uniform on 0…255: variance 4 · (256² − 1) / 12. */
const BYTES_MEAN = 510;
const BYTES_STD = Math.sqrt((256 ** 2 - 1) / 3);

/**
 * Pseudo-random weights in the shape of a configuration, for speed work without weights at hand. Matrices are near
 * normal with std 0.02, projections onto the residual stream with 0.02 / √(2L); layer norms are 1 and biases 0. Every
 * element is a function of (seed, tensor, index), so any rows can be read in any order.
 */
export class RandomCheckpoint implements WeightSource {
  readonly dtype = 'f16';
  readonly tiedHead: boolean;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #residualStd: number;
  readonly #seed: number;

  /** `seed`: an integer in [0, 2^53). */
  constructor(config: GPT2Config, seed: number) {
    this.tiedHead = config.tieWordEmbeddings;
    this.#shapes = new Map(gpt2Tensors(config));
    this.#residualStd = STD / Math.sqrt(2 * config.numLayers);
    this.#seed = seed;
  }

  shape(name: string): readonly number[] {
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new RangeValueError('tensor', name, 'a weight of the model');
    return shape;
  }

  async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    const shape = this.shape(name);
    checkRows(shape, startRow, numRows, out);
    if (name.endsWith('.bias')) out.fill(0);
    else if (shape.length === 1) out.fill(1);
    else {
      const std = name.endsWith('.c_proj.weight') ? this.#residualStd : STD;
      fillRandom(out, startRow * rowLength(shape), tensorKey(this.#seed, name), std);
    }
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Elements `[start, start + out.length)` of the stream `key`. */
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

/** A bijection of 32-bit integers in which every input bit changes about half of the output bits (lowbias32). */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
