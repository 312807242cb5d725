// Operands of the kernels that rotate, on the host: positions from all over a table of angles, tokens in scattered slots, some of
// them padding.
import { normals, permutation, uniforms } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands } from '../kernel-case.ts';
import { emptyCache, scatteredSlots } from '../kv-write/operands.ts';
import type { CacheShape } from '../kv-write/paged-cache.ts';
import type { normRopeKVWrite, ropeKVWrite } from './rope-kv-write.ts';

/** Gains of the norms of q and k, [D] each, and their epsilon. */
export interface HeadNorms {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly eps: number;
}

/** Rows, angles, positions and slots of one dispatch. */
export interface RopeInputs {
  /** [T, (H + 2·G)·D] */
  readonly qkv: Float32Array;
  /** [Y, D] cosines, then sines. */
  readonly rope: Float32Array;
  readonly positions: Int32Array;
  readonly slots: Int32Array;
  readonly cache: CacheShape;
  /** Query heads. */
  readonly H: number;
  /** Null without norms. */
  readonly norms: HeadNorms | null;
}

/** Rows of the table of angles. */
const NUM_POSITIONS = 40;

/** Makes inputs of T tokens; heads far from 1 strain the norms. @param eps of the norms; null without. */
export function ropeInputs(
  seed: number,
  cache: CacheShape,
  { H, T = 7, eps = null }: { readonly H: number; readonly T?: number; readonly eps?: number | null },
): RopeInputs {
  const { G, D } = cache;
  const heads = H + 2 * G;
  // Each head is ten times as large as the one before, and then small again.
  const qkv = normals(seed, T * heads * D).map((x, i) => x * 10 ** ((Math.floor(i / D) % 5) - 2));
  const turns = uniforms(seed + 1, (NUM_POSITIONS * D) / 2);
  const rope = new Float32Array(NUM_POSITIONS * D);
  for (const [i, turn] of turns.entries()) {
    const [position, d] = [Math.floor(i / (D / 2)), i % (D / 2)];
    rope[position * D + d] = Math.cos(2 * Math.PI * turn);
    rope[position * D + D / 2 + d] = Math.sin(2 * Math.PI * turn);
  }
  const order = permutation(seed + 2, NUM_POSITIONS);
  const positions = Int32Array.from({ length: T }, (_, t) => order[t % NUM_POSITIONS]!);
  const norms = eps === null ? null : { q: normals(seed + 3, D), k: normals(seed + 4, D), eps };
  return { qkv, rope, positions, slots: scatteredSlots(cache, T), cache, H, norms };
}

/** Operands of one dispatch without norms. */
export function ropeOperands({
  qkv,
  rope,
  positions,
  slots,
  cache,
  H,
}: RopeInputs): KernelOperands<typeof ropeKVWrite.spec> {
  const { G, D } = cache;
  const T = slots.length;
  return {
    tensors: {
      qkv: hostTensor(qkv, T, (H + 2 * G) * D),
      rope: hostTensor(rope, rope.length / D, D),
      positions: hostTensor(positions, T),
      slot_mapping: hostTensor(slots, T),
      kv: emptyCache(cache).operand,
    },
    scalars: { H },
    outputs: ['qkv', 'kv'],
  };
}

/** Operands of one dispatch with norms. */
export function normRopeOperands(
  inputs: RopeInputs,
  { q, k, eps }: HeadNorms,
): KernelOperands<typeof normRopeKVWrite.spec> {
  const { tensors, scalars, outputs } = ropeOperands(inputs);
  const { D } = inputs.cache;
  return {
    tensors: { ...tensors, q_gamma: hostTensor(q, D), k_gamma: hostTensor(k, D) },
    scalars: { ...scalars, eps },
    outputs,
  };
}
