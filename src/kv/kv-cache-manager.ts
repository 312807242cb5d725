// Bookkeeping of the KV cache: which blocks hold the tokens of which sequence. It touches no tensor.
import type { ModelLimits } from '../core/runner.ts';
import type { PrefixHit, PrefixMiss, ReadonlySequence } from '../core/sequence.ts';
import { RoseinferError } from '../util/errors.ts';
import { checkValue, count } from '../util/option-checks.ts';
import { BlockPool } from './block-pool.ts';
import { BlockTable, NO_BLOCK } from './block-table.ts';
import { type BlockHash, type CachedBlock, PrefixCache } from './prefix-cache.ts';
import { maxBlocksHeld, numBlocksUnseen, type SequenceSizes } from './sequence-blocks.ts';

/** Evicted blocks remembered per block of the pool. */
const EVICTED_PER_BLOCK = 4;
/** Entries of the prefix cache without contents per block of the pool, where sequences slide. */
const EMPTY_PER_BLOCK = 16;

/** Sequence as the manager reads it; the object itself is the key of its table. */
export type CachedSequence = Pick<
  ReadonlySequence,
  'promptIds' | 'ids' | 'numTokens' | 'numComputedTokens' | 'prefixGroup'
> &
  Partial<Pick<ReadonlySequence, 'maxCachedTokens'>>;

/**
 * Block tables of all sequences, and the blocks that several share. The tensors are the runner's.
 *
 * Only full blocks with ids on the host are shared, and a hit leaves at least the last token to compute. So no sequence
 * writes to a block that another one reads, and nothing has to be copied on a write: a sequence that goes on from the
 * middle of a block computes that block for itself.
 *
 * Where every layer slides, a sequence has only the blocks that its next token sees, or a later one: the others are given back while
 * it runs, and a hit needs no others.
 */
export class KVCacheManager {
  readonly blockSize: number;
  readonly #pool: BlockPool;
  readonly #cache: PrefixCache;
  readonly #tables = new Map<CachedSequence, BlockTable>();
  readonly #sizes: SequenceSizes;

  /**
   * @param hash of blocks; tests give one that collides.
   * @throws RangeValueError unless all numbers are integers ≥ 1.
   */
  constructor(sizes: SequenceSizes & Pick<ModelLimits, 'numBlocks'>, hash?: BlockHash) {
    const { numBlocks, blockSize, window, maxBatchTokens } = sizes;
    checkValue('blockSize', blockSize, count);
    if (window !== undefined) checkValue('window', window, count);
    this.blockSize = blockSize;
    this.#sizes = { blockSize, window, maxBatchTokens };
    this.#pool = new BlockPool(numBlocks);
    const maxEmpty = EMPTY_PER_BLOCK * numBlocks;
    this.#cache = new PrefixCache(EVICTED_PER_BLOCK * numBlocks, { maxEmpty, ...(hash && { hash }) });
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

  /** Blocks that `numTokens` tokens of one sequence take at a time. */
  numBlocksFor(numTokens: number): number {
    return maxBlocksHeld(numTokens, this.#sizes);
  }

  /**
   * Gives a sequence without blocks those of all its tokens, as far as it has them at a time, the first ones from the prefix cache
   * where it has them. Null, and nothing changed, when that would leave fewer than `numReserved` blocks free.
   */
  start(sequence: CachedSequence, numReserved = 0): PrefixHit | null {
    const { prefix, blocks, miss } = this.#lookUp(sequence);
    const hits = blocks.filter((block) => block !== NO_BLOCK);
    const numFreeHits = hits.filter((block) => this.#pool.refCount(block) === 0).length;
    const table = new BlockTable(this.blockSize);
    table.append(blocks);
    table.giveBack(blocks.length - hits.length);
    const wanted = this.numBlocksFor(sequence.numTokens) - table.numHeld;
    const numMissing = Math.min(wanted, table.numMissing(sequence.numTokens));
    if (numMissing + numReserved > this.#pool.numFree - numFreeHits) return null;

    for (const block of hits) this.#pool.share(block);
    for (const cached of prefix) table.appendPrefix(cached);
    this.#tables.set(sequence, table);
    this.#append(table, numMissing);
    return { numTokens: blocks.length * this.blockSize, miss };
  }

  /**
   * Gives back the blocks of a sequence that no token after its computed ones sees. Steps that were submitted still read them: they
   * run before those that will write to the blocks.
   */
  slide(sequence: CachedSequence): void {
    const given = this.#tables.get(sequence)?.giveBack(numBlocksUnseen(sequence.numComputedTokens, this.#sizes)) ?? [];
    for (const block of given) this.#pool.free(block, this.#cache.has(block));
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
      const block = index < table.numGiven ? null : table.blocks[index]!;
      table.appendPrefix(this.#cache.add(group, parent, this.#idsOf(sequence, index), block));
    }
  }

  /** Drops the contents of a sequence's blocks from the prefix cache, those that it gave back too: they turned out to be wrong. */
  evict(sequence: CachedSequence): void {
    const table = this.#tables.get(sequence);
    if (table === undefined) return;
    for (const entry of table.prefix.slice(0, table.numGiven)) this.#cache.drop(entry);
    for (const block of table.held) this.#cache.evict(block);
  }

  /** Drops the contents of all blocks from the prefix cache. */
  evictAll(): void {
    for (let block = 0; block < this.numBlocks; block++) this.#cache.evict(block);
  }

  /** Block ids in order of position, NO_BLOCK for those that were given back; empty for a sequence without blocks. */
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
    const { held = [] } = this.#tables.get(sequence) ?? {};
    for (const block of held.toReversed()) this.#pool.free(block, this.#cache.has(block));
    this.#tables.delete(sequence);
  }

  /** @throws RoseinferError unless every block is in as many tables as it has owners, and in one only where it is written. */
  checkIntegrity(): void {
    this.#pool.checkIntegrity();
    const owners = new Uint32Array(this.numBlocks);
    for (const { held } of this.#tables.values()) for (const block of held) owners[block]!++;
    for (const [block, count] of owners.entries()) {
      const refCount = this.#pool.refCount(block);
      if (count !== refCount) throw new RoseinferError(`block ${block} is in ${count} tables, expected ${refCount}`);
    }
    for (const [{ numComputedTokens }, { blocks, numGiven }] of this.#tables) {
      const numUnseen = numBlocksUnseen(numComputedTokens, this.#sizes);
      if (numGiven > numUnseen)
        throw new RoseinferError(`${numGiven} blocks were given back, expected at most ${numUnseen}`);
      const written = blocks.slice(Math.floor(numComputedTokens / this.blockSize));
      const shared = written.find((block) => this.#pool.refCount(block) > 1);
      if (shared !== undefined) throw new RoseinferError(`block ${shared} is written and shared, expected one owner`);
    }
  }

  /**
   * The longest prefix that leaves the sequence a token to compute and of which the next token finds all blocks that it sees.
   * Those before are NO_BLOCK.
   */
  #lookUp(sequence: CachedSequence): { prefix: CachedBlock[]; blocks: number[]; miss: PrefixMiss } {
    const { path, end } = this.#followPath(sequence);
    let [numBlocks, numUnseen, numInRow] = [0, 0, 0];
    for (const [index, { block }] of path.entries()) {
      const length = index + 1;
      numInRow = block === null ? 0 : numInRow + 1;
      const unseen = numBlocksUnseen(length * this.blockSize, this.#sizes);
      if (numInRow >= length - unseen) [numBlocks, numUnseen] = [length, unseen];
    }
    const prefix = path.slice(0, numBlocks);
    const blocks = prefix.map(({ block }, index) => (index < numUnseen ? NO_BLOCK : (block ?? NO_BLOCK)));
    return { prefix, blocks, miss: numBlocks < path.length ? 'evicted' : end };
  }

  /** Entries of the sequence's full blocks up to the first that has none, and the reason why there are no more. */
  #followPath(sequence: CachedSequence): { path: CachedBlock[]; end: PrefixMiss } {
    const path: CachedBlock[] = [];
    const { prefixGroup: group, promptIds, ids, maxCachedTokens = Number.POSITIVE_INFINITY } = sequence;
    if (group === null || maxCachedTokens === 0) return { path, end: 'off' };
    const numFull = Math.floor(Math.min(promptIds.length + ids.length - 1, maxCachedTokens) / this.blockSize);
    for (let index = 0; index < numFull; index++) {
      const next = this.#cache.find(group, path.at(-1) ?? null, this.#idsOf(sequence, index));
      if (typeof next === 'string') return { path, end: next };
      path.push(next);
    }
    return { path, end: 'short' };
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
    for (const block of blocks) {
      if (this.#sizes.window === undefined) this.#cache.evict(block);
      else this.#cache.empty(block);
    }
    table.append(blocks);
    return true;
  }
}
