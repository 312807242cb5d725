// A sequence's blocks in order of position.
import { ceilDiv } from '../util/math.ts';
import type { CachedBlock } from './prefix-cache.ts';

/** The blocks of one sequence in order of position: token p lies in `blocks[floor(p / blockSize)]`. */
export class BlockTable {
  readonly blockSize: number;
  readonly #blocks: number[] = [];
  readonly #prefix: CachedBlock[] = [];

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Prefix-cache entries of the first blocks; an entry may name another block with the same tokens. */
  get prefix(): readonly CachedBlock[] {
    return this.#prefix;
  }

  /** Blocks to append before the table holds `numTokens` tokens. */
  numMissing(numTokens: number): number {
    return Math.max(0, ceilDiv(numTokens, this.blockSize) - this.#blocks.length);
  }

  append(blocks: readonly number[]): void {
    this.#blocks.push(...blocks);
  }

  appendPrefix(cached: CachedBlock): void {
    this.#prefix.push(cached);
  }
}
