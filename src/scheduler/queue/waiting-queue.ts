// The queue of waiting sequences, sorted by rank on arrival: its head is found at once, however long it is.
import type { Sequence } from '../../core/sequence.ts';
import { partitionPoint, SortedList } from '../../util/sorted-list.ts';

/** Sequences that wait, in the order of their ranks. */
export class WaitingQueue implements Iterable<Sequence> {
  readonly #sequences = new SortedList<Sequence>(comesBefore);
  #numTokens = 0;

  get length(): number {
    return this.#sequences.length;
  }

  /** Prompt tokens of all that wait. */
  get numTokens(): number {
    return this.#numTokens;
  }

  /** The next to start. */
  get head(): Sequence | undefined {
    return this.#sequences.first;
  }

  /** The next to start comes first. */
  [Symbol.iterator](): Iterator<Sequence> {
    return this.#sequences[Symbol.iterator]();
  }

  add(sequence: Sequence): void {
    this.#sequences.add(sequence);
    this.#numTokens += sequence.promptIds.length;
  }

  /** Nothing happens when the sequence does not wait. */
  remove(sequence: Sequence): void {
    if (this.#sequences.delete(sequence)) this.#numTokens -= sequence.promptIds.length;
  }
}

/** Puts an item into a list that is sorted by the rank of its sequences; the later arrival goes after its equals. */
export function insertByRank<T>(items: T[], item: T, sequenceOf: (item: T) => Sequence): void {
  const sequence = sequenceOf(item);
  items.splice(
    partitionPoint(items, (each) => comesBefore(sequenceOf(each), sequence)),
    0,
    item,
  );
}

/** Tells whether a sequence stands before another in the queue. */
function comesBefore(a: Sequence, b: Sequence): boolean {
  return a.rank === b.rank ? a.order < b.order : a.rank < b.rank;
}
