// Keys and values written to the slots of the paged cache. A row of the cache ends in zeros, so that attention loads whole
// vectors.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { RangeValueError } from '../../util/errors.ts';
import { ceilDiv, roundUp } from '../../util/math.ts';

/** Storage of keys and values. */
export type KVDType = 'f32' | 'f16';

/** Storage types of keys and values. */
export const KV_DTYPES: readonly KVDType[] = ['f32', 'f16'];

/** Returns the storage of keys and values that a kernel has under these conditions. */
export function kvDType({ KV_F16 }: Readonly<Record<string, boolean>>): KVDType {
  return KV_F16 ? 'f16' : 'f32';
}

/** Words that attention loads at a time. */
const VECTOR_WORDS = 4;

/**
 * u32 words of one key or value row of D elements, zeros after them included: whole vectors.
 *
 * @throws RangeValueError for an unknown type.
 */
export function kvRowWords(D: number, dtype: KVDType): number {
  if (!KV_DTYPES.includes(dtype)) throw new RangeValueError('dtype', dtype, `one of ${KV_DTYPES.join(', ')}`);
  return roundUp(dtype === 'f16' ? ceilDiv(D, 2) : D, VECTOR_WORDS);
}

/**
 * Puts k and v, the last 2·G·D columns of qkv[T, O], into kv[B, 2, G, P, W] at slot_mapping[T]; a negative slot is padding.
 */
export const kvWrite = defineKernel({
  name: 'kv_write',
  bindings: {
    qkv: read('T', 'O'),
    slot_mapping: read.i32('T'),
    kv: write.u32('B', 2, 'G', 'P', 'W'),
  },
  params: { O: 'u32', G: 'u32', D: 'u32', P: 'u32', W: 'u32' },
  conditions: () => ({ KV_F16: false }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? 8 : 32 }),
  tunables: { LANES: [8, 32, 64] },
  accepts: ({ O, G, D, W }, { conditions }) => {
    const words = kvRowWords(D, kvDType(conditions));
    if (W !== words) return `kv has rows of ${W} words, expected ${words} for D = ${D}`;
    const ofKeys = 2 * G * D;
    return O < ofKeys ? `qkv has ${O} columns, expected at least 2 · G · D with G = ${G}, D = ${D}` : null;
  },
  workgroups: ({ T, G }) => [G, 2, T],
  cost: ({ T, G, D, W }) => ({ bytes: 8 * T * G * (D + W), flops: 0 }),
});
