// Lengths of drawn prompts and completions: uniform or lognormal, in tokens.
import { RangeValueError } from '../../src/util/errors.ts';
import type { RandomStream } from './random-stream.ts';

/** Distribution of lengths in tokens: uniform in [min, max], or lognormal by median and deviation of the logarithm. */
export type LengthDistribution =
  | { readonly kind: 'uniform'; readonly min: number; readonly max: number }
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number };

const UNIFORM = /^([1-9]\d*)(?:-([1-9]\d*))?$/;
const LOGNORMAL = /^lognormal:(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/;

/**
 * Reads `N`, `MIN-MAX` or `lognormal:MEDIAN:SIGMA`.
 *
 * @throws RangeValueError naming the flag.
 */
export function parseLengths(flag: string, text: unknown): LengthDistribution {
  const [, min, max = min] = UNIFORM.exec(String(text)) ?? [];
  const isOrdered = Number(min) <= Number(max) && Number.isSafeInteger(Number(max));
  if (min !== undefined && isOrdered) return { kind: 'uniform', min: Number(min), max: Number(max) };
  const [, median, sigma] = LOGNORMAL.exec(String(text)) ?? [];
  const isDefinite = Number.isFinite(Number(median)) && Number.isFinite(Number(sigma));
  if (Number(median) >= 1 && isDefinite) return { kind: 'lognormal', median: Number(median), sigma: Number(sigma) };
  throw new RangeValueError(flag, text, 'N, MIN-MAX or lognormal:MEDIAN:SIGMA, in tokens from 1 on');
}

/** Draws a length. A lognormal one is clipped to `max`; a uniform one keeps the user's bounds. */
export function drawLength(lengths: LengthDistribution, random: RandomStream, max: number): number {
  if (lengths.kind === 'uniform') return random.integer(lengths.min, lengths.max);
  const length = Math.round(lengths.median * Math.exp(lengths.sigma * random.normal()));
  return Math.max(1, Math.min(length, max));
}
