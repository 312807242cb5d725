// Byte-pair encoding of one word: the pair of neighbours that ranks first is merged, the leftmost of equals, until none is
// left. What ranks pairs is apart: tokenizer.json lists merges, SentencePiece scores tokens.
import { SortedList } from '../util/sorted-list.ts';
import type { Pausable } from '../util/turns.ts';

/** Token that two neighbours become. */
export interface Merge {
  /** Lower ranks are merged first. */
  readonly rank: number;
  readonly id: number;
}

/** Finds the merge of two tokens by their ids; undefined when they stay apart. */
export type FindMerge = (left: number, right: number) => Merge | undefined;

/** Pair of neighbours that can be merged. */
interface Candidate extends Merge {
  /** Place of the left one in the word. */
  readonly at: number;
}

/** Steps between two places where work on a word can pause. */
export const STEPS = 256;

/** Merges the ids of a word's symbols in O(n log n). */
export function* mergePairs(symbols: readonly number[], findMerge: FindMerge): Pausable<number[]> {
  const ids: (number | undefined)[] = [...symbols];
  const next = ids.map((_, at) => at + 1);
  const previous = ids.map((_, at) => at - 1);
  const candidates: (Candidate | undefined)[] = [];
  const queue = new SortedList<Candidate>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at));
  const update = (at: number): void => {
    const old = candidates[at];
    if (old !== undefined) queue.delete(old);
    const [left, right] = [ids[at], ids[next[at] ?? -1]];
    const merge = left === undefined || right === undefined ? undefined : findMerge(left, right);
    const candidate = merge && { rank: merge.rank, id: merge.id, at };
    candidates[at] = candidate;
    if (candidate !== undefined) queue.add(candidate);
  };
  for (const at of ids.keys()) {
    if (at % STEPS === STEPS - 1) yield;
    update(at);
  }
  let numMerges = 0;
  for (let first = queue.first; first !== undefined; first = queue.first) {
    if (++numMerges % STEPS === 0) yield;
    const { at, id } = first;
    const right = next[at]!;
    ids[at] = id;
    ids[right] = undefined;
    next[at] = next[right]!;
    if (next[at] < ids.length) previous[next[at]] = at;
    update(right);
    update(at);
    if (previous[at]! >= 0) update(previous[at]!);
  }
  return ids.filter((id) => id !== undefined);
}

/** Makes the lookup of merges in a list, the first of which ranks first; a pair that comes twice has its last rank. */
export function mergeTable(merges: readonly (readonly [left: number, right: number, id: number])[]): FindMerge {
  const rights = new Map<number, Map<number, Merge>>();
  for (const [rank, [left, right, id]] of merges.entries()) {
    const ofLeft = rights.get(left) ?? new Map<number, Merge>();
    ofLeft.set(right, { rank, id });
    rights.set(left, ofLeft);
  }
  return (left, right) => rights.get(left)?.get(right);
}
