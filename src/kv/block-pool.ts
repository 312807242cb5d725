// Blocks by number, with owners counted: free blocks keep their contents until they are needed, the least recently used going
// first.
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { checkValue, count } from '../util/option-checks.ts';

/**
 * Free blocks of the KV cache, and the number of owners of the others. Blocks have no contents here, only ids in [0,
 * numBlocks).
 *
 * A block may be freed with contents that are worth keeping: it is free like any other, but given away last, and the
 * one that was freed first goes first.
 */
export class BlockPool {
  readonly numBlocks: number;
  /** Free blocks without contents. */
  readonly #empty: number[];
  /** Free blocks with contents, the least recently used first. */
  readonly #kept = new Set<number>();
  /** [B] owners of each block. */
  readonly #refCounts: Uint32Array;

  /** @throws RangeValueError unless `numBlocks` is an integer ≥ 1. */
  constructor(numBlocks: number) {
    checkValue('numBlocks', numBlocks, count);
    this.numBlocks = numBlocks;
    this.#empty = Array.from({ length: numBlocks }, (_, index) => numBlocks - 1 - index);
    this.#refCounts = new Uint32Array(numBlocks);
  }

  get numFree(): number {
    return this.#empty.length + this.#kept.size;
  }

  /** Owners of a block; 0 while it is free. */
  refCount(block: number): number {
    return this.#refCounts[block] ?? 0;
  }

  /** Takes `count` blocks for one owner, or none: null when fewer are free. */
  allocate(count: number): number[] | null {
    if (count > this.numFree) return null;
    const blocks = this.#empty.splice(Math.max(this.#empty.length - count, 0)).reverse();
    for (const block of this.#kept) {
      if (blocks.length === count) break;
      this.#kept.delete(block);
      blocks.push(block);
    }
    for (const block of blocks) this.#refCounts[block] = 1;
    return blocks;
  }

  /**
   * Adds an owner to a block that is in use, or free and still cached.
   *
   * @throws RangeValueError for a block that is neither.
   */
  share(block: number): void {
    if (!this.#kept.delete(block) && this.refCount(block) === 0) {
      throw new RangeValueError('block to share', block, 'one that is in use or was kept');
    }
    this.#refCounts[block]!++;
  }

  /**
   * Takes one owner from a block; with the last one the block is free, and kept when `keeps` is set.
   *
   * @throws RangeValueError for a block that is not in use.
   */
  free(block: number, keeps = false): void {
    if (this.refCount(block) === 0) throw new RangeValueError('block to free', block, 'one that is in use');
    if (--this.#refCounts[block]! > 0) return;
    if (keeps) this.#kept.add(block);
    else this.#empty.push(block);
  }

  /** @throws RoseinferError unless every block is either free, once, or in use. */
  checkIntegrity(): void {
    const free = new Set([...this.#empty, ...this.#kept].filter((block) => this.refCount(block) === 0));
    const numUsed = this.#refCounts.reduce((sum, count) => sum + Math.min(count, 1), 0);
    if (free.size !== this.numFree || free.size + numUsed !== this.numBlocks) {
      throw new RoseinferError(
        `block pool has ${this.numFree} free and ${numUsed} used blocks, expected ${this.numBlocks}`,
      );
    }
  }
}
