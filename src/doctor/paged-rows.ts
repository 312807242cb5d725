import type { HostTensor } from '../kernels/kernel-case.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';

/** Tokens per block. */
export const BLOCK_SIZE = 16;

/** Words of a KV cache on the host: kv[B, 2, H, P, W]. */
export class PagedRows {
  readonly operand: HostTensor;
  readonly #words: Uint32Array;
  readonly #H: number;
  readonly #D: number;
  readonly #rowWords: number;
  readonly #dtype: KVDType;

  /** @param unwritten word in every slot that nothing is put into. */
  constructor({ numHeads: H, headDim: D }: GPT2Config, dtype: KVDType, numBlocks: number, unwritten: number) {
    const W = kvRowWords(D, dtype);
    this.#words = new Uint32Array(numBlocks * 2 * H * BLOCK_SIZE * W).fill(unwritten);
    this.operand = { data: this.#words, shape: [numBlocks, 2, H, BLOCK_SIZE, W] };
    this.#H = H;
    this.#D = D;
    this.#rowWords = W;
    this.#dtype = dtype;
  }

  get words(): Uint32Array {
    return this.#words;
  }

  /** Puts key and value of all heads, [H, D] each, into a slot. */
  put(slot: number, key: Float32Array, value: Float32Array): void {
    const block = Math.floor(slot / BLOCK_SIZE);
    for (const [which, rows] of [key, value].entries()) {
      for (let h = 0; h < this.#H; h++) {
        const row = ((block * 2 + which) * this.#H + h) * BLOCK_SIZE + (slot % BLOCK_SIZE);
        const words = this.#words.subarray(row * this.#rowWords, (row + 1) * this.#rowWords).fill(0);
        const data = rows.subarray(h * this.#D, (h + 1) * this.#D);
        if (this.#dtype === 'f16') new Float16Array(words.buffer, words.byteOffset, this.#D).set(data);
        else new Float32Array(words.buffer, words.byteOffset, this.#D).set(data);
      }
    }
  }

  /** The numbers of some of its words. */
  static toNumbers(words: Uint32Array, dtype: KVDType): ArrayLike<number> {
    if (dtype === 'f16') return new Float16Array(words.buffer, words.byteOffset, 2 * words.length);
    return new Float32Array(words.buffer, words.byteOffset, words.length);
  }
}
