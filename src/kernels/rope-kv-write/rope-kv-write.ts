// Rotary position embedding of queries and keys, and the way of keys and values to the cache: one dispatch reads and writes them
// once. Angles come from a table, since WGSL leaves open how exact its own sine and cosine are.
import { defineKernel } from '../../gpu/kernel.ts';
import { type Cost, read, type Sizes, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import { kvDType, kvRowWords } from '../kv-write/kv-write.ts';

/** Largest D: `MAX_D` of shaders/rope_kv_write.wgsl. */
export const MAX_HEAD_DIM = 256;

const bindings = {
  qkv: write('T', ({ H, G, D }: Sizes<'H' | 'G' | 'D'>) => (H + 2 * G) * D),
  rope: read('Y', 'D'),
  positions: read.i32('T'),
  slot_mapping: read.i32('T'),
  kv: write.u32('B', 2, 'G', 'P', 'W'),
};

const common = {
  shader: 'rope_kv_write',
  params: { H: 'u32', G: 'u32', D: 'u32', P: 'u32', W: 'u32' },
  overrides: ({ isSoftware }: { readonly isSoftware: boolean }) => ({ LANES: isSoftware ? 8 : 64 }),
  tunables: { LANES: [8, 32, 64] },
} as const;

type RopeVariant = VariantOf<'KV_F16' | 'QK_NORM', never, 'LANES'>;

/** Returns the reason why heads of D do not fit the cache's rows, or null. */
function accepts({ D, W }: Sizes<'D' | 'W'>, { conditions }: RopeVariant): string | null {
  if (D % 2 !== 0 || D > MAX_HEAD_DIM) return `D is ${D}, expected an even number of at most ${MAX_HEAD_DIM}`;
  const words = kvRowWords(D, kvDType(conditions));
  return W === words ? null : `kv has rows of ${W} words, expected ${words} for D = ${D}`;
}

/** Work over all heads: q is written back, k and v to the cache; an element takes its angle and two products. */
function costOf({ T, H, G, D, W }: Sizes<'T' | 'H' | 'G' | 'D' | 'W'>): Cost {
  const elements = T * (H + 2 * G) * D;
  return { bytes: 4 * (elements + T * D + T * H * D + 2 * T * G * W), loads: 2 * elements, flops: 3 * T * (H + G) * D };
}

/**
 * Rotates q and k of qkv[T, (H + 2·G)·D] by the rows of rope[Y, D] at positions[T], in pairs of elements d and d + D/2: q in
 * place, k and v into kv[B, 2, G, P, W] at slot_mapping[T]. A row of rope has D/2 cosines and then D/2 sines. A negative slot is
 * padding: its k and v are not written.
 */
export const ropeKVWrite = defineKernel({
  ...common,
  name: 'rope_kv_write',
  bindings,
  conditions: () => ({ KV_F16: false, QK_NORM: false }),
  supports: ({ conditions: { QK_NORM } }) => (QK_NORM ? 'QK_NORM is true, which only normRopeKVWrite can be' : null),
  accepts,
  workgroups: ({ T, H, G }) => [H + 2 * G, T, 1],
  cost: costOf,
});

/**
 * As `ropeKVWrite`, after a norm of each head of q and of k: x / √(mean(x²) + eps) times q_gamma[D] or k_gamma[D].
 */
export const normRopeKVWrite = defineKernel({
  ...common,
  name: 'norm_rope_kv_write',
  bindings: { ...bindings, q_gamma: read('D'), k_gamma: read('D') },
  params: { ...common.params, eps: 'f32' },
  conditions: () => ({ KV_F16: false, QK_NORM: true }),
  supports: ({ conditions: { QK_NORM } }) => (QK_NORM ? null : 'QK_NORM is false, expected true'),
  accepts,
  workgroups: ({ T, H, G }) => [H + 2 * G, T, 1],
  // Each lane of a head adds up all of its squares, from memory that the lanes share.
  cost: (dims) => {
    const { bytes, loads = 0, flops } = costOf(dims);
    const { T, H, G, D } = dims;
    return { bytes: bytes + 8 * D, loads: loads + T * (H + G) * D, flops: flops + 5 * T * (H + G) * D };
  },
});
