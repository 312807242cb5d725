import { RangeValueError, RoseinferError } from '../util/errors.ts';

/** Which blocks of the KV cache are free. Blocks have no contents here, only ids in [0, numBlocks). */
export class BlockPool {
  readonly numBlocks: number;
  readonly #free: number[];
  /** [B] 1 while the block is in use. */
  readonly #used: Uint8Array;

  /** @throws RangeValueError unless `numBlocks` is an integer ≥ 1. */
  constructor(numBlocks: number) {
    if (!Number.isInteger(numBlocks) || numBlocks < 1)
      throw new RangeValueError('numBlocks', numBlocks, 'an integer ≥ 1');
    this.numBlocks = numBlocks;
    this.#free = Array.from({ length: numBlocks }, (_, index) => numBlocks - 1 - index);
    this.#used = new Uint8Array(numBlocks);
  }

  get numFree(): number {
    return this.#free.length;
  }

  /** Takes `count` blocks, or none: null when fewer are free. */
  allocate(count: number): number[] | null {
    if (count > this.#free.length) return null;
    const blocks = this.#free.splice(this.#free.length - count).reverse();
    for (const block of blocks) this.#used[block] = 1;
    return blocks;
  }

  /** @throws RangeValueError for a block that is not in use; the blocks before it are free by then. */
  free(blocks: readonly number[]): void {
    for (const block of blocks) {
      if (this.#used[block] !== 1) throw new RangeValueError('block to free', block, 'one that is in use');
      this.#used[block] = 0;
      this.#free.push(block);
    }
  }

  /** @throws RoseinferError unless every block is either free or in use. */
  checkIntegrity(): void {
    const free = new Set(this.#free.filter((block) => this.#used[block] === 0));
    const numUsed = this.#used.reduce((sum, used) => sum + used, 0);
    if (free.size !== this.numFree || free.size + numUsed !== this.numBlocks) {
      throw new RoseinferError(
        `block pool has ${this.numFree} free and ${numUsed} used blocks, expected ${this.numBlocks}`,
      );
    }
  }
}
