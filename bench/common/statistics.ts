import type { Figure } from './figures.ts';

/** 0 when there is no value. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The values that are there. */
export function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value) => value !== null);
}

/** Mean, median and 99th percentile of some samples. */
export interface Summary {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Null when there is no sample. */
export function summarize(samples: readonly number[]): Summary | null {
  if (samples.length === 0) return null;
  const mean = sum(samples) / samples.length;
  const sorted = Float64Array.from(samples).sort();
  return { mean, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** The middle one of some samples; null when there is none. */
export function median(samples: readonly number[]): Figure {
  return summarize(samples)?.p50 ?? null;
}

/** The largest of some samples, however many; null when there is none. */
export function largest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((most, value) => (most === null ? value : Math.max(most, value)), null);
}

/** The smallest of some samples, however many; null when there is none. */
export function smallest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((least, value) => (least === null ? value : Math.min(least, value)), null);
}

/** What vLLM's serving benchmark says of some samples. */
export interface Spread {
  readonly mean: number;
  readonly median: number;
  /** Of the samples themselves, not an estimate from them. */
  readonly std: number;
  readonly p99: number;
}

/** Null when there is no sample. */
export function spread(samples: readonly number[]): Spread | null {
  const summary = summarize(samples);
  if (summary === null) return null;
  const { mean, p50: median, p99 } = summary;
  const variance = sum(samples.map((sample) => (sample - mean) ** 2)) / samples.length;
  return { mean, median, std: Math.sqrt(variance), p99 };
}

/** The gaps between tokens that came at these times: one fewer than there are tokens. */
export function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}

/** The value at `fraction` of the way through ascending samples, between two of them in proportion. */
function percentile(sorted: Float64Array, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - below);
}
