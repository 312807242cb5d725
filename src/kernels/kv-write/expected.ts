// Right output of `kv_write`: each key and value in its slot, exactly, and nothing in any other.
import type { Expected } from '../kernel-case.ts';
import { emptyCache, type KVWriteInputs } from './operands.ts';
import { cacheNumbers, type PagedCache } from './paged-cache.ts';

/** Makes the cache that a dispatch leaves. */
export function filledCache({ qkv, slots, cache, O }: KVWriteInputs): PagedCache {
  const ofKeys = cache.G * cache.D;
  const filled = emptyCache(cache);
  for (const [t, slot] of slots.entries()) {
    const end = (t + 1) * O;
    const [key, value] = [qkv.subarray(end - 2 * ofKeys, end - ofKeys), qkv.subarray(end - ofKeys, end)];
    if (slot >= 0) filled.put(slot, key, value);
  }
  return filled;
}

/** kv[B, 2, H, P, W] as numbers. */
export function expectedKVWrite(inputs: KVWriteInputs): Expected {
  const toNumbers = (words: Uint32Array) => cacheNumbers(words, inputs.cache.dtype);
  return { want: new Float64Array(toNumbers(filledCache(inputs).words)), tolerance: null, toNumbers };
}
