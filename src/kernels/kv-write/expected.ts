// Right output of `kv_write`: each key and value in its slot, exactly, and nothing in any other.
import type { Expected } from '../kernel-case.ts';
import { emptyCache, type KVWriteInputs } from './operands.ts';
import { cacheNumbers, type PagedCache } from './paged-cache.ts';

/** Makes the cache that a dispatch leaves. */
export function filledCache({ qkv, slots, cache }: KVWriteInputs): PagedCache {
  const C = cache.H * cache.D;
  const filled = emptyCache(cache);
  for (const [t, slot] of slots.entries()) {
    const row = qkv.subarray(t * 3 * C, (t + 1) * 3 * C);
    if (slot >= 0) filled.put(slot, row.subarray(C, 2 * C), row.subarray(2 * C));
  }
  return filled;
}

/** kv[B, 2, H, P, W] as numbers. */
export function expectedKVWrite(inputs: KVWriteInputs): Expected {
  const toNumbers = (words: Uint32Array) => cacheNumbers(words, inputs.cache.dtype);
  return { want: new Float64Array(toNumbers(filledCache(inputs).words)), tolerance: null, toNumbers };
}
