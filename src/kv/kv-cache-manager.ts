// Bookkeeping of the KV cache: which blocks hold the tokens of which sequence. It touches no tensor.
import type { ModelLimits } from '../core/runner.ts';
import type { PrefixHit, PrefixMiss, ReadonlySequence } from '../core/sequence.ts';
import { RoseinferError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import { checkValue, count } from '../util/option-checks.ts';
import { BlockPool } from './block-pool.ts';
import { BlockTable } from './block-table.ts';
import { type BlockHash, type CachedBlock, PrefixCache } from './prefix-cache.ts';

/** Evicted blocks remembered per block of the pool. */
const EVICTED_PER_BLOCK = 4;

/** Sequence as the manager reads it; the object itself is the key of its table. */
export type CachedSequence = Pick<
  ReadonlySequence,
  'promptIds' | 'ids' | 'numTokens' | 'numComputedTokens' | 'prefixGroup'
>;

/**
 * Block tables of all sequences, and the blocks that several share. The tensors are the runner's.
 *
 * Only full blocks with ids on the host are shared, and a hit leaves at least the last token to compute. So no sequence
 * writes to a block that another one reads, and nothing has to be copied on a write: a sequence that goes on from the
 * middle of a block computes that block for itself.
 */
export class KVCacheManager {
  readonly blockSize: number;
  readonly #pool: BlockPool;
  readonly #cache: PrefixCache;
  readonly #tables = new Map<CachedSequence, BlockTable>();

  /**
   * @param hash of blocks; tests give one that collides.
   * @throws RangeValueError unless both numbers are integers ≥ 1.
   */
  constructor({ numBlocks, blockSize }: Pick<ModelLimits, 'numBlocks' | 'blockSize'>, hash?: BlockHash) {
    checkValue('blockSize', blockSize, count);
    this.blockSize = blockSize;
    this.#pool = new BlockPool(numBlocks);
    this.#cache = new PrefixCache(EVICTED_PER_BLOCK * numBlocks, hash);
  }

  get numBlocks(): number {
    return this.#pool.numBlocks;
  }

  /** Blocks that no sequence has, cached ones included. */
  get numFreeBlocks(): number {
    return this.#pool.numFree;
  }

  /** Blocks in the prefix cache, in use or not. */
  get numCachedBlocks(): number {
    return this.#cache.numBlocks;
  }

  /** Blocks that `numTokens` tokens of one sequence take. */
  numBlocksFor(numTokens: number): number {
    return ceilDiv(numTokens, this.blockSize);
  }

  /**
   * Gives a sequence without blocks those of all its tokens, the first ones from the prefix cache where it has them.
   * Null, and nothing changed, when that would leave fewer than `numReserved` blocks free.
   */
  start(sequence: CachedSequence, numReserved = 0): PrefixHit | null {
    const { found, miss } = this.#lookUp(sequence);
    const numFreeHits = found.filter(({ block }) => this.#pool.refCount(block) === 0).length;
    const numMissing = this.numBlocksFor(sequence.numTokens) - found.length;
    if (numMissing + numReserved > this.#pool.numFree - numFreeHits) return null;

    const table = new BlockTable(this.blockSize);
    for (const cached of found) {
      this.#pool.share(cached.block);
      table.append([cached.block]);
      table.appendPrefix(cached);
    }
    this.#tables.set(sequence, table);
    this.#append(table, numMissing);
    return { numTokens: found.length * this.blockSize, miss };
  }

  /** Grows the table for `numTokens` tokens after the computed ones. False, and nothing changed, when the pool lacks blocks. */
  allocateSlots(sequence: CachedSequence, numTokens: number): boolean {
    const table = this.#tables.get(sequence) ?? new BlockTable(this.blockSize);
    if (!this.#append(table, table.numMissing(sequence.numComputedTokens + numTokens))) return false;
    this.#tables.set(sequence, table);
    return true;
  }

  /**
   * Registers the sequence's full blocks, computed and with ids on the host, in the prefix cache. Computed means that the
   * step is submitted: a sequence that shares the block runs in the same step, where keys are written before they are read, or
   * in a later one.
   */
  cacheBlocks(sequence: CachedSequence): void {
    const { prefixGroup: group, promptIds, ids, numComputedTokens } = sequence;
    const table = this.#tables.get(sequence);
    if (table === undefined || group === null) return;
    const numFull = Math.floor(Math.min(numComputedTokens, promptIds.length + ids.length) / this.blockSize);
    for (let index = table.prefix.length; index < numFull; index++) {
      const parent = table.prefix.at(-1) ?? null;
      table.appendPrefix(this.#cache.add(group, parent, this.#idsOf(sequence, index), table.blocks[index]!));
    }
  }

  /** Drops the contents of blocks from the prefix cache: they turned out to be wrong. */
  evict(blocks: Iterable<number>): void {
    for (const block of blocks) this.#cache.evict(block);
  }

  /** Drops the contents of all blocks from the prefix cache. */
  evictAll(): void {
    this.evict(Array(this.numBlocks).keys());
  }

  /** Block ids in order of position; empty for a sequence without blocks. */
  blockTable(sequence: CachedSequence): readonly number[] {
    return this.#tables.get(sequence)?.blocks ?? [];
  }

  /** Computed tokens of the sequence in blocks that other sequences have, too. */
  numSharedTokens(sequence: CachedSequence): number {
    return this.blockTable(sequence).filter((block) => this.#pool.refCount(block) > 1).length * this.blockSize;
  }

  /**
   * Gives all blocks of the sequence back, the last one first: fewer sequences could share it. Nothing happens when it
   * has none.
   */
  free(sequence: CachedSequence): void {
    for (const block of this.blockTable(sequence).toReversed()) this.#pool.free(block, this.#cache.has(block));
    this.#tables.delete(sequence);
  }

  /** @throws RoseinferError unless every block is in as many tables as it has owners, and in one only where it is written. */
  checkIntegrity(): void {
    this.#pool.checkIntegrity();
    const owners = new Uint32Array(this.numBlocks);
    for (const { blocks } of this.#tables.values()) for (const block of blocks) owners[block]!++;
    for (const [block, count] of owners.entries()) {
      const refCount = this.#pool.refCount(block);
      if (count !== refCount) throw new RoseinferError(`block ${block} is in ${count} tables, expected ${refCount}`);
    }
    for (const [{ numComputedTokens }, { blocks }] of this.#tables) {
      const written = blocks.slice(Math.floor(numComputedTokens / this.blockSize));
      const shared = written.find((block) => this.#pool.refCount(block) > 1);
      if (shared !== undefined) throw new RoseinferError(`block ${shared} is written and shared, expected one owner`);
    }
  }

  /** The longest chain of cached blocks that leaves the sequence a token to compute. */
  #lookUp(sequence: CachedSequence): { found: CachedBlock[]; miss: PrefixMiss } {
    const found: CachedBlock[] = [];
    const { prefixGroup: group, promptIds, ids } = sequence;
    if (group === null) return { found, miss: 'off' };
    const numFull = Math.floor((promptIds.length + ids.length - 1) / this.blockSize);
    for (let index = 0; index < numFull; index++) {
      const next = this.#cache.find(group, found.at(-1) ?? null, this.#idsOf(sequence, index));
      if (typeof next === 'string') return { found, miss: next };
      found.push(next);
    }
    return { found, miss: 'short' };
  }

  /** Token ids of block `index`, which are on the host. */
  #idsOf({ promptIds, ids }: CachedSequence, index: number): readonly number[] {
    const [start, end] = [index * this.blockSize, (index + 1) * this.blockSize];
    const { length } = promptIds;
    if (end <= length) return promptIds.slice(start, end);
    return [...promptIds.slice(start), ...ids.slice(Math.max(start - length, 0), end - length)];
  }

  #append(table: BlockTable, count: number): boolean {
    const blocks = this.#pool.allocate(count);
    if (blocks === null) return false;
    this.evict(blocks);
    table.append(blocks);
    return true;
  }
}
