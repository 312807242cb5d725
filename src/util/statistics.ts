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

/** Finds the median of samples; null when there is none. */
export function median(samples: readonly number[]): Figure {
  return samples.length === 0 ? null : percentile(ascending(samples), 0.5);
}

/** Sorts samples. */
export function ascending(samples: readonly number[]): Float64Array {
  return Float64Array.from(samples).sort();
}

/** Interpolates the value at `fraction` of the way through ascending samples. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - below);
}

/** Finds the largest of any number of samples; null when there is none. */
export function largest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((most, value) => (most === null ? value : Math.max(most, value)), null);
}

/** Finds the smallest of any number of samples; null when there is none. */
export function smallest(samples: readonly number[]): Figure {
  return samples.reduce<Figure>((least, value) => (least === null ? value : Math.min(least, value)), null);
}
