// KV cache on the host: the layout of kv[B, 2, G, P, W] that kernels write and read.
import { floatsOf, type HostTensor, hostTensor } from '../kernel-case.ts';
import { type KVDType, kvRowWords } from './kv-write.ts';

/** Sizes and storage of a cache. */
export interface CacheShape {
  /** B */
  readonly numBlocks: number;
  /** Heads of keys and values. */
  readonly G: number;
  readonly P: number;
  readonly D: number;
  readonly dtype: KVDType;
}

/** Words of kv[B, 2, G, P, W]: a row of D f32, or of f16 pairs, and zeros up to W words. */
export class PagedCache {
  readonly words: Uint32Array;
  readonly #shape: CacheShape;
  readonly #rowWords: number;

  /** @param unwritten word of every slot that nothing is put into. */
  constructor(shape: CacheShape, unwritten: number) {
    const { numBlocks, G, P, D, dtype } = shape;
    this.#shape = shape;
    this.#rowWords = kvRowWords(D, dtype);
    this.words = new Uint32Array(numBlocks * 2 * G * P * this.#rowWords).fill(unwritten);
  }

  /** Puts key and value of all heads, [G, D] each, into a slot, rounded to the storage type. */
  put(slot: number, key: Float32Array, value: Float32Array): void {
    const { G, P, D } = this.#shape;
    const [block, offset] = [Math.floor(slot / P), slot % P];
    for (const [which, heads] of [key, value].entries()) {
      for (let g = 0; g < G; g++) {
        const row = ((block * 2 + which) * G + g) * P + offset;
        this.#putRow(row, heads.subarray(g * D, (g + 1) * D));
      }
    }
  }

  #putRow(row: number, data: Float32Array): void {
    const words = this.words.subarray(row * this.#rowWords, (row + 1) * this.#rowWords).fill(0);
    const stored =
      this.#shape.dtype === 'f16' ? new Float16Array(words.buffer, words.byteOffset, data.length) : floatsOf(words);
    stored.set(data);
  }

  /** Tensor kv[B, 2, G, P, W]. */
  get operand(): HostTensor {
    const { numBlocks, G, P } = this.#shape;
    return hostTensor(this.words, numBlocks, 2, G, P, this.#rowWords);
  }
}

/** Reads words of a cache as the numbers that they hold. */
export function cacheNumbers(words: Uint32Array, dtype: KVDType): Float64Array | Float32Array {
  if (dtype === 'f32') return floatsOf(words);
  return Float64Array.from(new Float16Array(words.buffer, words.byteOffset, 2 * words.length));
}
