// Decode speed: tokens after the first of each sequence over the time from the first token of all to the last.
import { type Figure, ratio } from '../../src/util/figures.ts';
import { largest, smallest, sum } from '../../src/util/statistics.ts';

/** Generated sequence: ids, and the time of each in milliseconds. */
export interface TimedIds {
  readonly ids: readonly number[];
  readonly times: readonly number[];
}

/** Computes tokens per second: Σ(n − 1) over the sequences / (last − first token of all of them). */
export function decodeSpeed(sequences: readonly TimedIds[]): Figure {
  const times = sequences.flatMap((sequence) => sequence.times);
  const [first, last] = [smallest(times), largest(times)];
  const numDecoded = sum(sequences.map(({ ids }) => Math.max(ids.length - 1, 0)));
  return first === null || last === null || numDecoded === 0 ? null : ratio(1000 * numDecoded, last - first);
}
