// A sequence's blocks in order of position. Those that no token will read again are given back; their places stay, as positions count
// from the start of the sequence.
import { ceilDiv } from '../util/math.ts';
import type { CachedBlock } from './prefix-cache.ts';

/** Place of a block that was given back: it is never read. */
export const NO_BLOCK = -1;

/** The blocks of one sequence in order of position: token p lies in `blocks[floor(p / blockSize)]`. */
export class BlockTable {
  readonly blockSize: number;
  readonly #blocks: number[] = [];
  readonly #prefix: CachedBlock[] = [];
  #numGiven = 0;

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  /** Blocks; NO_BLOCK for those that were given back. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Blocks at the start that were given back. */
  get numGiven(): number {
    return this.#numGiven;
  }

  /** Blocks that the sequence has. */
  get held(): readonly number[] {
    return this.#blocks.slice(this.#numGiven);
  }

  get numHeld(): number {
    return this.#blocks.length - this.#numGiven;
  }

  /** Prefix-cache entries of the first blocks; an entry may name another block with the same tokens, or none. */
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

  /** Gives back the blocks before place `end` that it still has, and returns them. */
  giveBack(end: number): number[] {
    const given = this.#blocks.slice(this.#numGiven, end);
    this.#blocks.fill(NO_BLOCK, this.#numGiven, end);
    this.#numGiven += given.length;
    return given;
  }
}
