import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import { BlockPool } from './block-pool.ts';
import { BlockTable } from './block-table.ts';

/** What the manager reads of a sequence; the object itself is the key of its table. */
export interface CachedSequence {
  readonly numComputedTokens: number;
}

export interface KVCacheManagerOptions {
  /** Blocks in the pool. */
  readonly numBlocks: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

/** Which blocks hold which sequence. The tensors themselves are the runner's. */
export class KVCacheManager {
  readonly blockSize: number;
  readonly #pool: BlockPool;
  readonly #tables = new Map<CachedSequence, BlockTable>();

  /** @throws RangeValueError unless both numbers are integers ≥ 1. */
  constructor({ numBlocks, blockSize }: KVCacheManagerOptions) {
    if (!Number.isInteger(blockSize) || blockSize < 1)
      throw new RangeValueError('blockSize', blockSize, 'an integer ≥ 1');
    this.blockSize = blockSize;
    this.#pool = new BlockPool(numBlocks);
  }

  get numBlocks(): number {
    return this.#pool.numBlocks;
  }

  get numFreeBlocks(): number {
    return this.#pool.numFree;
  }

  /** Blocks that `numTokens` tokens of one sequence take. */
  numBlocksFor(numTokens: number): number {
    return ceilDiv(numTokens, this.blockSize);
  }

  /** Grows the table for `numTokens` tokens behind the computed ones. False, and nothing changed, when the pool lacks blocks. */
  allocateSlots(sequence: CachedSequence, numTokens: number): boolean {
    const table = this.#tables.get(sequence) ?? new BlockTable(this.blockSize);
    const blocks = this.#pool.allocate(table.numMissing(sequence.numComputedTokens + numTokens));
    if (blocks === null) return false;
    table.append(blocks);
    this.#tables.set(sequence, table);
    return true;
  }

  /** Block ids in order of position; empty for a sequence without blocks. */
  blockTable(sequence: CachedSequence): readonly number[] {
    return this.#tables.get(sequence)?.blocks ?? [];
  }

  /** Gives all blocks of the sequence back; nothing happens when it has none. */
  free(sequence: CachedSequence): void {
    this.#pool.free(this.blockTable(sequence));
    this.#tables.delete(sequence);
  }

  /** @throws RoseinferError unless every used block is in exactly one table. */
  checkIntegrity(): void {
    this.#pool.checkIntegrity();
    const held = [...this.#tables.values()].flatMap((table) => table.blocks);
    const numUsed = this.numBlocks - this.numFreeBlocks;
    if (new Set(held).size !== held.length || held.length !== numUsed) {
      throw new RoseinferError(
        `block tables hold ${held.length} blocks, expected ${numUsed} different ones, as the pool has in use`,
      );
    }
  }
}
