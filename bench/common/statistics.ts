// Statistics of samples under the names of reports: null, and never 0, when there is no sample.
import { ascending, percentile, sum } from '../../src/util/statistics.ts';

/** Mean, median and 99th percentile of samples, in their unit. */
export interface Summary {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Summarizes samples; null when there is none. */
export function summarize(samples: readonly number[]): Summary | null {
  if (samples.length === 0) return null;
  const mean = sum(samples) / samples.length;
  const sorted = ascending(samples);
  return { mean, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** Statistics of samples under the names of vLLM's serving benchmark, in the samples' unit. */
export interface Spread {
  readonly mean: number;
  readonly median: number;
  /** Standard deviation of the samples, not an estimate of a population's. */
  readonly std: number;
  readonly p99: number;
}

/** Makes the statistics of samples; null when there is none. */
export function spread(samples: readonly number[]): Spread | null {
  const summary = summarize(samples);
  if (summary === null) return null;
  const { mean, p50: median, p99 } = summary;
  const variance = sum(samples.map((sample) => (sample - mean) ** 2)) / samples.length;
  return { mean, median, std: Math.sqrt(variance), p99 };
}

/** Lists the gaps between tokens that came at these times: one fewer than tokens. */
export function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}
