// Right draws and probabilities of the sampler, from the reference in float64. A draw is exact, but only where its two best
// scores lie further apart than f32 may err.
import { gumbelSample, processLogits } from '../../reference/sampling.ts';
import { uniform } from '../../util/rng.ts';
import type { Expected } from '../kernel-case.ts';
import { filtersOf, type SampledRow } from './operands.ts';

/** Difference of scores from which on a draw is clear. Scores are below 40 in size, where f32 steps by 3.8e-6. */
const CLEAR_GAP = 1e-4;

/**
 * Bound for a probability, which the project promises. A token d temperatures below the best has d off by 2^-23 d, so its
 * probability by exp(-d) d 2^-23 < 1e-7. Fixed-point weights are off by 2^-32 each, the sum of 50257 of them by 1.2e-5 if
 * all erred one way, and by a two-hundredth of that as they fall.
 */
export const PROBABILITY_ERROR = 1e-5;

/** Distribution [V] that a row is drawn from; zeros from `allowed` on, and where a logit of the row is not finite. */
export function distributionOf(row: SampledRow, allowed: number = row.logits.length): Float64Array {
  const probs = new Float64Array(row.logits.length);
  if (!row.logits.every(Number.isFinite)) return probs;
  probs.set(processLogits(Float64Array.from(row.logits.subarray(0, allowed)), filtersOf(row)));
  return probs;
}

/** Tells whether the two best scores of a row are so far apart that f32 finds the same id as float64. */
export function isClearDraw(row: SampledRow): boolean {
  const { seed = 0, position = 0 } = row;
  let [best, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  distributionOf(row).forEach((p, id) => {
    if (p === 0) return;
    const score = Math.log(p) - Math.log(-Math.log(uniform(seed, position, id)));
    if (score > best) [best, second] = [score, best];
    else if (score > second) second = score;
  });
  return best - second > CLEAR_GAP;
}

/** Id that is drawn from a row of finite logits, all of them allowed. */
export function drawnId(row: SampledRow): number {
  const { logits, seed = 0, position = 0 } = row;
  return gumbelSample(Float64Array.from(logits), filtersOf(row), seed, position);
}

/** sampled[R, 2] of rows with finite logits and clear draws. */
export function expectedSampled(rows: readonly SampledRow[]): Expected {
  const want = Float64Array.from(rows.flatMap((row) => [drawnId(row), 1]));
  return { want, tolerance: null, toNumbers: (words) => Float64Array.from(words) };
}
