// Splits of a context that decode rows attend to: their keys are the reduction class's, their number in a dispatch a bound, so
// that a step is not recorded anew for each split that its contexts begin.
import type { ReductionClass } from '../../gpu/reduction.ts';
import { ceilDiv, roundUp } from '../../util/math.ts';
import { REDUCTIONS } from '../reductions.ts';

/** Counts the splits of a context. */
export function numSplits(context: number, reduction: ReductionClass): number {
  return ceilDiv(context, REDUCTIONS[reduction].splitKeys);
}

/**
 * Counts the splits that a dispatch has for a context, those of whole groups: 1 where one split holds all keys. Splits after
 * the last key end at once.
 *
 * @param maxContext keys of the longest context that there is room for.
 */
export function dispatchedSplits(context: number, maxContext: number, reduction: ReductionClass): number {
  const { splitKeys, groupKeys } = REDUCTIONS[reduction];
  if (context <= splitKeys) return 1;
  const keys = groupKeys > 0 ? roundUp(context, groupKeys) : context;
  return numSplits(Math.min(keys, maxContext), reduction);
}
