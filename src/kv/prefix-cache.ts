// Finds blocks by the tokens that they hold. A hash proposes candidates, the tokens themselves decide.
import type { PrefixMiss } from '../core/sequence.ts';

/** A full block, registered after its prefix. Only the cache changes one. */
export class CachedBlock {
  readonly group: string;
  /** The block before it; null at the start of a sequence. */
  readonly parent: CachedBlock | null;
  /** Hash of group, prefix and ids. */
  readonly hash: number;
  readonly ids: readonly number[];
  /** Block with the contents; null where they are lost, but blocks after them are not. */
  block: number | null;
  /** Registered blocks after it. */
  numChildren = 0;

  constructor(group: string, parent: CachedBlock | null, hash: number, ids: readonly number[], block: number | null) {
    this.group = group;
    this.parent = parent;
    this.hash = hash;
    this.ids = ids;
    this.block = block;
  }
}

/** Hash of a block from that of its prefix: it proposes candidates, which are compared token by token. */
export type BlockHash = (prefix: number, ids: Iterable<number>) => number;

/**
 * Index of full blocks by their tokens, so that sequences of one group with the same prefix share them.
 *
 * Keys depend on all tokens before them, so blocks form chains; a block is found from its predecessor only. Where sequences slide, a
 * block outlives those before it: their entries stay without contents, as the way to it.
 */
export class PrefixCache {
  readonly #hash: BlockHash;
  readonly #maxEvicted: number;
  readonly #maxEmpty: number;
  readonly #byHash = new Map<number, CachedBlock[]>();
  readonly #byBlock = new Map<number, CachedBlock>();
  /** Entries without contents, oldest first. */
  readonly #empty = new Set<CachedBlock>();
  /** Hashes of evicted blocks, oldest first: they explain a miss. */
  readonly #evicted = new Set<number>();

  /**
   * @param maxEvicted number of evicted blocks that are remembered.
   * @param maxEmpty number of entries without contents; the oldest go first, and what comes after them is not found any more.
   */
  constructor(maxEvicted: number, { hash = hashIds, maxEmpty = 0 }: { hash?: BlockHash; maxEmpty?: number } = {}) {
    this.#maxEvicted = maxEvicted;
    this.#maxEmpty = maxEmpty;
    this.#hash = hash;
  }

  get numBlocks(): number {
    return this.#byBlock.size;
  }

  /** Entries without contents. */
  get numEmpty(): number {
    return this.#empty.size;
  }

  /** Tells whether the block is registered. */
  has(block: number): boolean {
    return this.#byBlock.has(block);
  }

  /** The entry with these tokens after `parent`, or the reason why there is none. */
  find(group: string, parent: CachedBlock | null, ids: readonly number[]): CachedBlock | PrefixMiss {
    const hash = this.#hashOf(group, parent, ids);
    return this.#find(hash, group, parent, ids) ?? (this.#evicted.has(hash) ? 'evicted' : 'new');
  }

  /**
   * Registers a full block, unless another one with the same tokens is registered; returns the one that is. Null for `block` adds
   * tokens whose contents are lost already.
   */
  add(group: string, parent: CachedBlock | null, ids: readonly number[], block: number | null): CachedBlock {
    const hash = this.#hashOf(group, parent, ids);
    const known = this.#find(hash, group, parent, ids);
    if (known !== undefined) {
      if (known.block === null && block !== null) this.#fill(known, block);
      return known;
    }
    const cached = new CachedBlock(group, parent, hash, ids, block);
    if (parent !== null) parent.numChildren++;
    this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), cached]);
    this.#evicted.delete(hash);
    if (block === null) this.#addEmpty(cached);
    else this.#byBlock.set(block, cached);
    return cached;
  }

  /** Drops a block's entry, and with it the way to those after it; nothing happens when it has none. */
  evict(block: number): void {
    const cached = this.#byBlock.get(block);
    if (cached !== undefined) this.drop(cached);
  }

  /** Takes the contents from a block's entry, which stays while there are blocks after it; nothing happens when it has none. */
  empty(block: number): void {
    const cached = this.#byBlock.get(block);
    if (cached === undefined) return;
    if (cached.numChildren === 0) {
      this.drop(cached);
    } else {
      this.#byBlock.delete(block);
      cached.block = null;
      this.#addEmpty(cached);
    }
  }

  /** Drops an entry, and those before it that have no contents and lead nowhere else; nothing happens when it was dropped. */
  drop(entry: CachedBlock): void {
    if (!this.#remove(entry)) return;
    for (let parent = entry.parent; parent !== null; parent = parent.parent) {
      parent.numChildren--;
      if (parent.numChildren > 0 || !this.#empty.has(parent)) break;
      this.#remove(parent);
    }
  }

  /** Removes an entry. False when it is not registered. */
  #remove(entry: CachedBlock): boolean {
    const entries = this.#byHash.get(entry.hash) ?? [];
    if (!entries.includes(entry)) return false;
    const others = entries.filter((other) => other !== entry);
    if (others.length > 0) this.#byHash.set(entry.hash, others);
    else this.#byHash.delete(entry.hash);
    if (entry.block !== null) this.#byBlock.delete(entry.block);
    this.#empty.delete(entry);
    this.#evicted.add(entry.hash);
    for (const oldest of this.#evicted) {
      if (this.#evicted.size <= this.#maxEvicted) break;
      this.#evicted.delete(oldest);
    }
    return true;
  }

  #addEmpty(entry: CachedBlock): void {
    this.#empty.add(entry);
    for (const oldest of this.#empty) {
      if (this.#empty.size <= this.#maxEmpty) break;
      this.drop(oldest);
    }
  }

  /** Gives an entry contents again. */
  #fill(entry: CachedBlock, block: number): void {
    entry.block = block;
    this.#empty.delete(entry);
    this.#byBlock.set(block, entry);
  }

  #find(hash: number, group: string, parent: CachedBlock | null, ids: readonly number[]): CachedBlock | undefined {
    return this.#byHash
      .get(hash)
      ?.find(
        (cached) =>
          cached.group === group && cached.parent === parent && cached.ids.every((id, index) => id === ids[index]),
      );
  }

  #hashOf(group: string, parent: CachedBlock | null, ids: readonly number[]): number {
    return this.#hash(parent?.hash ?? this.#hash(0, Buffer.from(group)), ids);
  }
}

/** FNV-1a over 32-bit words. */
function hashIds(prefix: number, ids: Iterable<number>): number {
  let hash = 0x811c9dc5 ^ prefix;
  for (const id of ids) hash = Math.imul(hash ^ id, 0x01000193);
  return hash >>> 0;
}
