// Confidence interval of a median from order statistics: times are skewed and have outliers, and it assumes no distribution, only that
// samples are independent. It needs no random numbers either, as a bootstrap would, so the same samples give the same interval.
import { ascending } from '../util/statistics.ts';

/** Interval that holds a median with some probability. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** That probability: at least the one asked for, since there are finitely many order statistics. */
  readonly coverage: number;
}

/** Probability that intervals are asked for. */
const CONFIDENCE = 0.95;

/**
 * Finds the narrowest interval [x₍ₖ₎, x₍ₙ₊₁₋ₖ₎] of ascending samples that holds the median of what they were drawn from with
 * probability 1 − 2 P(B ≤ k − 1) ≥ confidence, B binomial of n trials and probability ½ (David and Nagaraja, Order Statistics,
 * § 7.1).
 *
 * @returns null for too few samples: 0.95 takes 6.
 */
export function medianInterval(samples: readonly number[], confidence: number = CONFIDENCE): Interval | null {
  const n = samples.length;
  let chosen = 0;
  let coverage = 0;
  // P(B = 0) = 2^-n, then each from the one before: in logarithms, for n beyond 1,074 underflows.
  let logarithm = -n * Math.LN2;
  let below = 0;
  for (let k = 1; k <= n / 2; k++) {
    below += Math.exp(logarithm);
    logarithm += Math.log((n - k + 1) / k);
    if (1 - 2 * below < confidence) break;
    chosen = k;
    coverage = 1 - 2 * below;
  }
  if (chosen === 0) return null;
  const sorted = ascending(samples);
  return { low: sorted[chosen - 1]!, high: sorted[n - chosen]!, coverage };
}

/**
 * Finds an interval that holds the ratio of the medians of two sets of independent samples with a probability of at least 0.95: both
 * medians lie in intervals of theirs at once with what is left when either's risk, half of 0.05, is taken off (Bonferroni).
 *
 * @returns null for too few samples of either, which takes 7, and where the divisor may be 0.
 */
export function medianRatioInterval(dividends: readonly number[], divisors: readonly number[]): Interval | null {
  const confidence = 1 - (1 - CONFIDENCE) / 2;
  const [top, bottom] = [medianInterval(dividends, confidence), medianInterval(divisors, confidence)];
  if (top === null || bottom === null || !(bottom.low > 0)) return null;
  const coverage = top.coverage + bottom.coverage - 1;
  return { low: top.low / bottom.high, high: top.high / bottom.low, coverage };
}
