// Finds blocks by the tokens that they hold. A hash proposes candidates, the tokens themselves decide.
import type { PrefixMiss } from '../core/sequence.ts';

/** A full block, registered after its prefix. */
export interface CachedBlock {
  readonly group: string;
  /** The block before it; null at the start of a sequence. */
  readonly parent: CachedBlock | null;
  /** Hash of group, prefix and ids. */
  readonly hash: number;
  readonly ids: readonly number[];
  readonly block: number;
}

/** Hash of a block from that of its prefix: it proposes candidates, which are compared token by token. */
export type BlockHash = (prefix: number, ids: Iterable<number>) => number;

/**
 * Index of full blocks by their tokens, so that sequences of one group with the same prefix share them.
 *
 * Keys depend on all tokens before them, so blocks form chains; a block is found from its predecessor only.
 */
export class PrefixCache {
  readonly #hash: BlockHash;
  readonly #maxEvicted: number;
  readonly #byHash = new Map<number, CachedBlock[]>();
  readonly #byBlock = new Map<number, CachedBlock>();
  /** Hashes of evicted blocks, oldest first: they explain a miss. */
  readonly #evicted = new Set<number>();

  /** @param maxEvicted number of evicted blocks that are remembered. */
  constructor(maxEvicted: number, hash: BlockHash = hashIds) {
    this.#maxEvicted = maxEvicted;
    this.#hash = hash;
  }

  get numBlocks(): number {
    return this.#byBlock.size;
  }

  /** Tells whether the block is registered. */
  has(block: number): boolean {
    return this.#byBlock.has(block);
  }

  /** The block with these tokens after `parent`, or the reason why there is none. */
  find(group: string, parent: CachedBlock | null, ids: readonly number[]): CachedBlock | PrefixMiss {
    const hash = this.#hashOf(group, parent, ids);
    return this.#find(hash, group, parent, ids) ?? (this.#evicted.has(hash) ? 'evicted' : 'new');
  }

  /** Registers a full block, unless another one with the same tokens is registered; returns the one that is. */
  add(group: string, parent: CachedBlock | null, ids: readonly number[], block: number): CachedBlock {
    const hash = this.#hashOf(group, parent, ids);
    const known = this.#find(hash, group, parent, ids);
    if (known !== undefined) return known;
    const cached = { group, parent, hash, ids, block };
    this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), cached]);
    this.#byBlock.set(block, cached);
    this.#evicted.delete(hash);
    return cached;
  }

  /** Drops a block's entry; nothing happens when it has none. */
  evict(block: number): void {
    const cached = this.#byBlock.get(block);
    if (cached === undefined) return;
    this.#byBlock.delete(block);
    const others = this.#byHash.get(cached.hash)?.filter((other) => other !== cached) ?? [];
    if (others.length > 0) this.#byHash.set(cached.hash, others);
    else this.#byHash.delete(cached.hash);
    this.#evicted.add(cached.hash);
    for (const hash of this.#evicted) {
      if (this.#evicted.size <= this.#maxEvicted) break;
      this.#evicted.delete(hash);
    }
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
