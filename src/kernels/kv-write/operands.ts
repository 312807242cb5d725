// Operands of `kv_write` on the host: tokens in scattered slots, some of them padding, and a cache of one number.
import { normals, permutation } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands } from '../kernel-case.ts';
import type { kvWrite } from './kv-write.ts';
import { type CacheShape, PagedCache } from './paged-cache.ts';

/** Words of a slot that nothing was put into, by storage: the number 1.875 in both. */
export const UNWRITTEN_SLOT = { f32: 0x3ff00000, f16: 0x3f803f80 } as const;

/** Makes a cache into which nothing was put. */
export function emptyCache(shape: CacheShape): PagedCache {
  return new PagedCache(shape, UNWRITTEN_SLOT[shape.dtype]);
}

/** Makes slots of T tokens: the ends of blocks, then any; every third token is padding. */
export function scatteredSlots({ numBlocks, P }: Pick<CacheShape, 'numBlocks' | 'P'>, T: number): Int32Array {
  const end = numBlocks * P;
  const slots = [...new Set([P % end, 0, end - 1, (2 * P - 1) % end, ...permutation(1, end)])].values();
  return Int32Array.from({ length: T }, (_, t) => (t % 3 === 2 ? -1 : (slots.next().value ?? -1)));
}

/** Rows qkv[T, O] and slots of one dispatch. */
export interface KVWriteInputs {
  readonly qkv: Float32Array;
  readonly slots: Int32Array;
  readonly cache: CacheShape;
  readonly O: number;
}

/**
 * Makes rows of numbers that the cache's storage holds too, since WGSL leaves open how others are rounded.
 *
 * @param options tokens, and columns of a row: those of as many query heads as heads of keys when absent.
 */
export function kvWriteInputs(
  seed: number,
  cache: CacheShape,
  { T = 7, O = 3 * cache.G * cache.D }: { readonly T?: number; readonly O?: number } = {},
): KVWriteInputs {
  const exact = normals(seed, T * O);
  const qkv = cache.dtype === 'f16' ? exact.map(Math.f16round) : exact;
  return { qkv, slots: scatteredSlots(cache, T), cache, O };
}

/** Operands of one dispatch. */
export function kvWriteOperands({ qkv, slots, cache, O }: KVWriteInputs): KernelOperands<typeof kvWrite.spec> {
  const T = slots.length;
  return {
    tensors: {
      qkv: hostTensor(qkv, T, O),
      slot_mapping: hostTensor(slots, T),
      kv: emptyCache(cache).operand,
    },
    scalars: { D: cache.D },
    outputs: ['kv'],
  };
}
