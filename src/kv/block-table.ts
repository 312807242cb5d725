import { ceilDiv } from '../util/math.ts';

/** The blocks of one sequence in order of position: token p lies in `blocks[floor(p / blockSize)]`. */
export class BlockTable {
  readonly blockSize: number;
  readonly #blocks: number[] = [];

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Blocks to append before the table holds `numTokens` tokens. */
  numMissing(numTokens: number): number {
    return Math.max(0, ceilDiv(numTokens, this.blockSize) - this.#blocks.length);
  }

  append(blocks: readonly number[]): void {
    this.#blocks.push(...blocks);
  }
}
