import type { Sequence } from '../core/sequence.ts';

/** Sequences that wait, in the order of their ranks. */
export class WaitingQueue {
  readonly #sequences: Sequence[] = [];
  #numTokens = 0;

  /** The next to start comes first. */
  get sequences(): readonly Sequence[] {
    return this.#sequences;
  }

  get length(): number {
    return this.#sequences.length;
  }

  /** Prompt tokens of all that wait. */
  get numTokens(): number {
    return this.#numTokens;
  }

  get head(): Sequence | undefined {
    return this.#sequences[0];
  }

  add(sequence: Sequence): void {
    insertByRank(this.#sequences, sequence, (each) => each);
    this.#numTokens += sequence.promptIds.length;
  }

  /** Nothing happens when the sequence does not wait. */
  remove(sequence: Sequence): void {
    const index = this.#sequences[0] === sequence ? 0 : this.#sequences.indexOf(sequence);
    if (index < 0) return;
    this.#sequences.splice(index, 1);
    this.#numTokens -= sequence.promptIds.length;
  }
}

/** Puts an item into a list that is sorted by the rank of its sequences; the later arrival goes behind its equals. */
export function insertByRank<T>(items: T[], item: T, sequenceOf: (item: T) => Sequence): void {
  const { rank, order } = sequenceOf(item);
  let index = items.length;
  for (; index > 0; index--) {
    const before = sequenceOf(items[index - 1]!);
    if (before.rank < rank || (before.rank === rank && before.order < order)) break;
  }
  items.splice(index, 0, item);
}
