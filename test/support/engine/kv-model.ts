// A model of the KV cache by contents alone, that its bookkeeping is compared with.

/** A sequence as the manager reads one. */
export class ModelSequence {
  promptIds: number[];
  ids: number[] = [];
  numComputedTokens = 0;
  readonly prefixGroup: string | null;

  constructor(promptIds: number[], prefixGroup: string | null) {
    this.promptIds = promptIds;
    this.prefixGroup = prefixGroup;
  }

  get numTokens(): number {
    return this.promptIds.length + this.ids.length;
  }
}

/**
 * Model of a KV cache by contents alone: each block holds tokens and the tokens before them. It has no lists of free
 * blocks, no hashes and no counts, but finds everything by looking at all blocks.
 */
export class KVModel {
  readonly blockSize: number;
  readonly numBlocks: number;
  /** Blocks of each sequence that has some. */
  readonly tables = new Map<ModelSequence, readonly number[]>();
  /** For each block that can be shared, the group and all tokens up to its end. */
  readonly contents = new Map<number, string>();
  /** Blocks of each sequence that were learnt; one that is found wrong later is not learnt again. */
  readonly numLearned = new Map<ModelSequence, number>();

  constructor(numBlocks: number, blockSize: number) {
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
  }

  owners(block: number): number {
    return [...this.tables.values()].filter((blocks) => blocks.includes(block)).length;
  }

  get numFree(): number {
    return this.numBlocks - new Set([...this.tables.values()].flat()).size;
  }

  /** Group and tokens up to the end of block `index`; null where the ids are not all known. */
  prefix({ promptIds, ids, prefixGroup }: ModelSequence, index: number): string | null {
    const tokens = [...promptIds, ...ids].slice(0, (index + 1) * this.blockSize);
    return tokens.length < (index + 1) * this.blockSize ? null : JSON.stringify([prefixGroup, tokens]);
  }

  /** Gives blocks to `sequence` for tokens from here on: their old contents are lost. */
  give(sequence: ModelSequence, blocks: readonly number[], from: number): void {
    for (const block of blocks.slice(from)) this.contents.delete(block);
    this.tables.set(sequence, [...blocks]);
  }

  /** Makes computed blocks shareable, unless another block holds the same. */
  learn(sequence: ModelSequence): void {
    if (sequence.prefixGroup === null) return;
    const blocks = this.tables.get(sequence) ?? [];
    for (let index = this.numLearned.get(sequence) ?? 0; index < blocks.length; index++) {
      const prefix = (index + 1) * this.blockSize <= sequence.numComputedTokens ? this.prefix(sequence, index) : null;
      if (prefix === null) return;
      this.numLearned.set(sequence, index + 1);
      if (![...this.contents.values()].includes(prefix)) this.contents.set(blocks[index]!, prefix);
    }
  }

  /** Loses the contents of a block, and with them the way to all that comes after these tokens. */
  forget(block: number): void {
    const prefix = this.contents.get(block)?.replace(/]]$/, '');
    if (prefix === undefined) return;
    for (const [other, content] of this.contents) if (isAfter(content, prefix)) this.contents.delete(other);
    for (const [sequence, numLearned] of this.numLearned) {
      const known = numLearned === 0 ? null : this.prefix(sequence, numLearned - 1);
      if (known !== null && isAfter(known, prefix)) this.numLearned.set(sequence, Number.POSITIVE_INFINITY);
    }
  }
}

/** Tells whether a content begins with a prefix, given without its closing brackets. */
function isAfter(content: string, prefix: string): boolean {
  return content.startsWith(`${prefix},`) || content === `${prefix}]]`;
}
