// Intervals of ratios by resampling: requests are drawn again with replacement, each with all of its samples in both runs, and the ratio
// of a statistic is formed anew (percentile bootstrap; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, § 13; pairs as in
// § 9.5, whole requests as in Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007).
import type { Interval } from '../../src/timing/median-interval.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { ascending, percentile, present } from '../../src/util/statistics.ts';
import type { Summary } from '../common/statistics.ts';
import { RandomStream } from '../load/random-stream.ts';

/** Bounds of a ratio; null where there are too few samples. */
export type RatioBounds = Pick<Interval, 'low' | 'high'> | null;

/** Samples of requests, of which any number may be counted. */
export class SamplePool {
  /** Ascending. */
  readonly #values: Float64Array;
  /** Request of each value. */
  readonly #owners: Uint32Array;

  /** @param samples of each request. */
  constructor(samples: readonly (readonly number[])[]) {
    const all = samples.flatMap((own, owner) => own.map((value) => ({ value, owner })));
    all.sort((a, b) => a.value - b.value);
    this.#values = Float64Array.from(all, ({ value }) => value);
    this.#owners = Uint32Array.from(all, ({ owner }) => owner);
  }

  get size(): number {
    return this.#values.length;
  }

  /** Summarizes the samples, those of each request as often as `counts` says; null when there is none. */
  summarize(counts: ArrayLike<number>): Summary | null {
    let [size, total] = [0, 0];
    for (let i = 0; i < this.#values.length; i++) {
      const count = counts[this.#owners[i]!]!;
      size += count;
      total += count * this.#values[i]!;
    }
    if (size === 0) return null;
    return { mean: total / size, p50: this.#percentile(counts, size, 0.5), p99: this.#percentile(counts, size, 0.99) };
  }

  /** Interpolates between two of `size` counted samples, as `percentile` does between listed ones. */
  #percentile(counts: ArrayLike<number>, size: number, fraction: number): number {
    const place = fraction * (size - 1);
    const below = Math.floor(place);
    let i = 0;
    let passed = 0;
    while (passed + counts[this.#owners[i]!]! <= below) passed += counts[this.#owners[i++]!]!;
    const low = this.#values[i]!;
    let next = i;
    while (next < this.#values.length && passed + counts[this.#owners[next]!]! <= Math.ceil(place)) {
      passed += counts[this.#owners[next++]!]!;
    }
    return low + ((this.#values[next] ?? low) - low) * (place - below);
  }
}

/** Samples of a metric in two runs, of the same requests. */
export type PoolPair = readonly [first: SamplePool, second: SamplePool];

const RESAMPLES = 2000;
/** The same files give the same intervals. */
const SEED = 0;
/** Shares of the resamples on either side of an interval of 95 %. */
const TAIL = 0.025;
/** Requests with which an interval is worth its name; that of a median from order statistics takes as many, too. */
const MIN_REQUESTS = 6;
/** Samples of which one lies beyond the 99th percentile with a probability of 1 − TAIL: fewer say nothing about an upper bound. */
const MIN_TAIL_SAMPLES = Math.ceil(Math.log(TAIL) / Math.log(0.99));

/** Finds the bounds of second / first of each metric's mean, median and 99th percentile. */
export function bootstrapRatios(
  pairs: readonly PoolPair[],
  numRequests: number,
): readonly Readonly<Record<keyof Summary, RatioBounds>>[] {
  const drawn = pairs.map(() => ({ mean: [] as Figure[], p50: [] as Figure[], p99: [] as Figure[] }));
  if (numRequests < MIN_REQUESTS) return pairs.map(() => ({ mean: null, p50: null, p99: null }));
  const random = new RandomStream(SEED, 'resamples');
  for (let i = 0; i < RESAMPLES; i++) {
    const counts = new Uint32Array(numRequests);
    for (let draw = 0; draw < numRequests; draw++) counts[random.integer(0, numRequests - 1)]!++;
    for (const [at, [first, second]] of pairs.entries()) {
      const [below, above] = [first.summarize(counts), second.summarize(counts)];
      for (const statistic of ['mean', 'p50', 'p99'] as const) {
        drawn[at]![statistic].push(ratio(above?.[statistic] ?? null, below?.[statistic] ?? null));
      }
    }
  }
  return pairs.map((pair, at) => {
    const { mean, p50, p99 } = drawn[at]!;
    const hasTail = pair.every(({ size }) => size >= MIN_TAIL_SAMPLES);
    return { mean: boundsOf(mean), p50: boundsOf(p50), p99: hasTail ? boundsOf(p99) : null };
  });
}

/** Takes the middle of drawn ratios; null when some have no figure. */
function boundsOf(ratios: readonly Figure[]): RatioBounds {
  const known = ascending(present(ratios));
  if (known.length < ratios.length) return null;
  return { low: percentile(known, TAIL), high: percentile(known, 1 - TAIL) };
}
