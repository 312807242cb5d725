// Statistics of samples: null, and never 0, when there is no sample.
import type { Figure } from './figures.ts';

/** Sums values; 0 when there is none. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Drops the values that are null. */
export function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value) => value !== null);
}

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
  const sorted = Float64Array.from(samples).sort();
  return { mean, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** Finds the median of samples; null when there is none. */
export function median(samples: readonly number[]): Figure {
  return summarize(samples)?.p50 ?? null;
}

/** Finds the largest of any number of samples; null when there is none. */
export function largest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((most, value) => (most === null ? value : Math.max(most, value)), null);
}

/** Finds the smallest of any number of samples; null when there is none. */
export function smallest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((least, value) => (least === null ? value : Math.min(least, value)), null);
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

/** Interpolates the value at `fraction` of the way through ascending samples. */
function percentile(sorted: Float64Array, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - below);
}
