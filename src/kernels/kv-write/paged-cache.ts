// KV cache on the host: the layout of kv[B, 2, H, P, W] that kernels write and read.
import { type HostTensor, hostTensor } from '../kernel-case.ts';
import { type KVDType, kvRowWords } from './kv-write.ts';

/** Place of a row in a token's cache entry. */
export const KEY = 0;
export const VALUE = 1;

/** Sizes and storage of a cache. */
export interface CacheShape {
  /** B */
  readonly numBlocks: number;
  readonly H: number;
  readonly P: number;
  readonly D: number;
  readonly dtype: KVDType;
}

/** Words of kv[B, 2, H, P, W]: a row of D f32, or of f16 pairs, and zeros up to W words. */
export class PagedCache {
  readonly words: Uint32Array;
  readonly #shape: CacheShape;
  readonly #rowWords: number;

  /** @param unwritten word of every slot that nothing is put into. */
  constructor(shape: CacheShape, unwritten: number) {
    const { numBlocks, H, P, D, dtype } = shape;
    this.#shape = shape;
    this.#rowWords = kvRowWords(D, dtype);
    this.words = new Uint32Array(numBlocks * 2 * H * P * this.#rowWords).fill(unwritten);
  }

  /** Puts the key or the value of head h into a slot, rounded to the storage type. */
  put(slot: number, which: number, h: number, row: Float32Array): void {
    const { H, P, dtype } = this.#shape;
    const [block, offset] = [Math.floor(slot / P), slot % P];
    const start = (((block * 2 + which) * H + h) * P + offset) * this.#rowWords;
    const words = this.words.subarray(start, start + this.#rowWords).fill(0);
    if (dtype === 'f16') new Float16Array(words.buffer, words.byteOffset, row.length).set(row);
    else new Float32Array(words.buffer, words.byteOffset, row.length).set(row);
  }

  get operand(): HostTensor {
    const { numBlocks, H, P } = this.#shape;
    return hostTensor(this.words, numBlocks, 2, H, P, this.#rowWords);
  }
}
