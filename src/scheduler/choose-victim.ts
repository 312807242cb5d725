// The choice of preemption: the sequence whose recomputation costs least, not the newest one.
import type { ReadonlySequence } from '../core/sequence.ts';
import type { KVCacheManager } from '../kv/kv-cache-manager.ts';

/**
 * Chooses the sequence whose preemption costs least: the fewest tokens to compute again. Blocks that others share stay
 * computed. Among equals the last in the queue's order is chosen.
 *
 * @param candidates in the order of their ranks; undefined comes back when there is none.
 */
export function chooseVictim<S extends ReadonlySequence>(
  candidates: readonly S[],
  kv: Pick<KVCacheManager, 'numSharedTokens'>,
): S | undefined {
  let victim: S | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const sequence of candidates) {
    const cost = sequence.numComputedTokens - kv.numSharedTokens(sequence);
    if (cost > least) continue;
    victim = sequence;
    least = cost;
  }
  return victim;
}
