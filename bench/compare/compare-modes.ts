// Comparison of two results of one scheduler, figure by figure. Where both have enough rounds the intervals are of rounds, which hold
// what differs from one run to the next. Else latencies have intervals of requests, which know these two runs alone: two runs of one
// program on a busy machine would differ by them, so they bring no verdict.
import { type SpeedVerdict, verdictOf } from '../../src/timing/compare.ts';
import { medianRatioInterval } from '../../src/timing/median-interval.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { median, present } from '../../src/util/statistics.ts';
import type { Summary } from '../common/statistics.ts';
import { bootstrapRatios, type RatioBounds, SamplePool } from './bootstrap.ts';
import { LATENCIES, type ModeResult, type RequestResult, type RoundResult } from './result.ts';

/** Rounds of either run that an interval by rounds takes: fewer order statistics hold no median with 1 − 0.05 / 2. */
export const MIN_ROUNDS = 7;

/** Figure of two runs. */
export interface MetricComparison {
  /** Key of a rate in the file, or name of a latency. */
  readonly metric: string;
  readonly statistic: 'rate' | keyof Summary;
  readonly first: Figure;
  readonly second: Figure;
  /** Second / first. */
  readonly ratio: Figure;
  /** Bounds that hold the ratio with a probability of 95 %; null where there are too few samples. */
  readonly interval: RatioBounds;
  /** How the second does beside the first; null without an interval by rounds. */
  readonly verdict: SpeedVerdict | null;
}

/** Comparison of a scheduler's results. */
export interface ModeComparison {
  /** Unit of the intervals. */
  readonly by: 'round' | 'request';
  /** Rounds of the run that has fewer. */
  readonly rounds: number;
  readonly requests: number;
  /** Requests that are complete in both runs: those whose latencies are compared one by one. */
  readonly paired: number;
  /** Paired requests with the same ids, or where the files have none with as many. */
  readonly equal: number;
  readonly metrics: readonly MetricComparison[];
}

/** Compares the results of a scheduler. */
export function compareModes(first: ModeResult, second: ModeResult): ModeComparison {
  const rounds = Math.min(first.rounds.length, second.rounds.length);
  const pairs = first.requests
    .map((request, i) => [request, second.requests[i]!] as const)
    .filter((pair) => pair.every(({ isComplete }) => isComplete));
  const by = rounds >= MIN_ROUNDS ? 'round' : 'request';
  return {
    by,
    rounds,
    requests: first.requests.length,
    paired: pairs.length,
    equal: pairs.filter(([one, other]) => isSame(one, other)).length,
    metrics: [
      ...compareRates(first.rounds, second.rounds),
      ...(by === 'round' ? compareByRound(first.rounds, second.rounds) : compareByRequest(pairs)),
    ],
  };
}

function isSame(one: RequestResult, other: RequestResult): boolean {
  return one.outputTokens === other.outputTokens && (one.ids?.every((id, i) => id === other.ids?.[i]) ?? true);
}

function compareRates(first: readonly RoundResult[], second: readonly RoundResult[]): MetricComparison[] {
  const keys = [...(first[0]?.rates.keys() ?? [])];
  return keys.flatMap((key) => {
    const of = (rounds: readonly RoundResult[]) => present(rounds.map(({ rates }) => rates.get(key) ?? null));
    const figures = compareMedians(of(first), of(second));
    return figures.first === null && figures.second === null ? [] : [rateRow(key, figures)];
  });
}

/** More of a rate is faster. */
function rateRow(metric: string, { interval, ...figures }: ReturnType<typeof compareMedians>): MetricComparison {
  const verdict = interval && verdictOf({ low: 1 / interval.high, high: 1 / interval.low });
  return { metric, statistic: 'rate', ...figures, interval, verdict };
}

function compareByRound(first: readonly RoundResult[], second: readonly RoundResult[]): MetricComparison[] {
  return LATENCIES.flatMap((metric) =>
    (['mean', 'p50', 'p99'] as const).map((statistic): MetricComparison => {
      const of = (rounds: readonly RoundResult[]) =>
        present(rounds.map(({ latencies }) => latencies[metric]?.[statistic] ?? null));
      const figures = compareMedians(of(first), of(second));
      return { metric, statistic, ...figures, verdict: figures.interval && verdictOf(figures.interval) };
    }),
  );
}

/** Compares the medians of rounds. */
function compareMedians(first: readonly number[], second: readonly number[]) {
  const [one, other] = [median(first), median(second)];
  const found = medianRatioInterval(second, first);
  return {
    first: one,
    second: other,
    ratio: ratio(other, one),
    interval: found && { low: found.low, high: found.high },
  };
}

function compareByRequest(pairs: readonly (readonly [RequestResult, RequestResult])[]): MetricComparison[] {
  const pools = LATENCIES.map((metric) => {
    const of = (side: 0 | 1) => new SamplePool(pairs.map((pair) => pair[side].latencies[metric]));
    return { metric, pair: [of(0), of(1)] as const };
  });
  const bounds = bootstrapRatios(
    pools.map(({ pair }) => pair),
    pairs.length,
  );
  const once = pairs.map(() => 1);
  return pools.flatMap(({ metric, pair }, i) => {
    const [one, other] = pair.map((pool) => pool.summarize(once));
    return (['mean', 'p50', 'p99'] as const).map((statistic): MetricComparison => {
      const [first, second] = [one?.[statistic] ?? null, other?.[statistic] ?? null];
      const interval = bounds[i]?.[statistic] ?? null;
      return { metric, statistic, first, second, ratio: ratio(second, first), interval, verdict: null };
    });
  });
}
