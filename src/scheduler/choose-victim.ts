import type { Sequence } from '../core/sequence.ts';
import type { KVCacheManager } from '../kv/kv-cache-manager.ts';

/**
 * The sequence that loses its blocks at the least cost: the fewest tokens to compute again. Blocks that others share stay
 * computed. Among equals the last in the queue's order loses.
 *
 * @param candidates in the order of their ranks; undefined comes back when there is none.
 */
export function chooseVictim(
  candidates: readonly Sequence[],
  kv: Pick<KVCacheManager, 'numSharedTokens'>,
): Sequence | undefined {
  let victim: Sequence | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const sequence of candidates) {
    const cost = sequence.numComputedTokens - kv.numSharedTokens(sequence);
    if (cost > least) continue;
    victim = sequence;
    least = cost;
  }
  return victim;
}
