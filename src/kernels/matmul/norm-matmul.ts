// Matmuls that take in the layer norm or RMS norm of their rows: one dispatch less for few rows, where a dispatch and its wait cost more than
// the norm, which every workgroup computes again. The bits are those of the norm and the matmul apart.
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { type Cost, type Dims, read, type Sizes, type Variant, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { REDUCTIONS } from '../reductions.ts';
import { TILE } from '../weights/weight-tiles.ts';
import {
  accepts,
  acceptsProjection,
  conditions,
  defaults,
  LANES_OVER_K,
  LANES_PER_TILE,
  liesOverK,
  MAX_LANES,
  type MatmulVariant,
  matmulCost,
  operands,
  params,
  projectionCost,
  supports,
  WITH_QUADS,
  withoutEpilogue,
  workgroupSize,
  workgroups,
} from './matmul.ts';

/** Most rows whose norm a workgroup takes in: those of its largest variant. */
const MAX_ROWS = 8;
/**
 * Bytes of rows, at most, that all workgroups load again for their norms: a cache of 5 TB/s gives them in the 2 µs that a
 * dispatch and its wait cost a large GPU.
 */
const MAX_RELOADED_BYTES = 10e6;

/** Passes over a row: for its mean and its variance, or for its mean square alone. */
const PASSES = { layernorm: 2, rmsnorm: 1 } as const;

const norm = { gamma: read('K'), beta: read('K') };
/** Names a condition of the cache, which a matmul that writes no keys has no use for, or null. */
function withoutCache({ conditions: { KV_WRITE, KV_F16 } }: MatmulVariant & Variant): string | null {
  return KV_WRITE || KV_F16 ? 'KV_WRITE or KV_F16 is true, which only normMatmulKVWrite can be' : null;
}

const constants = () => ({ ROWS: 1, TILES: 1, CHUNK: REDUCTIONS.gpu.chunkK, QUADS: LANES_PER_TILE });
const overrides = () => ({ LANES: MAX_LANES });

const common = {
  shader: 'matmul_chunks',
  params: { ...params, eps: 'f32' },
  defaults,
  constants,
  overrides,
  tunables: { ROWS: [1, 2, 4, 8], QUADS: [2, 4, 8], LANES: LANES_OVER_K },
} as const;

type NormVariant = VariantOf<
  keyof ReturnType<typeof normConditions>,
  keyof ReturnType<typeof constants>,
  keyof ReturnType<typeof overrides>
>;

/** Tells whether a model takes layer norms into matmuls of M rows of K: on GPUs in the class `gpu`, where a decode step is short. */
export function takesNormIn(traits: DeviceTraits, sizes: Dims): boolean {
  return paysIn(traits, sizes, PASSES.layernorm);
}

/** Tells the same of RMS norms. */
export function takesRmsnormIn(traits: DeviceTraits, sizes: Dims): boolean {
  return paysIn(traits, sizes, PASSES.rmsnorm);
}

function paysIn(traits: DeviceTraits, { M = 0, K = 0, N = 0 }: Dims, numPasses: number): boolean {
  const reloadedBytes = ceilDiv(N, TILE) * M * numPasses * K * 4;
  return liesOverK(traits) && M <= MAX_ROWS && K % 4 === 0 && reloadedBytes <= MAX_RELOADED_BYTES;
}

function normConditions(traits: DeviceTraits) {
  const { SUBGROUPS: _, ...others } = conditions(traits);
  return { ...others, X_VEC4: true, NORM: true };
}

/** Returns the variant of the matmul that a variant with a norm is but for it. */
function matmulOf({ conditions, constants, overrides }: NormVariant): MatmulVariant {
  return {
    conditions: { ...conditions, SUBGROUPS: false },
    constants: { ...WITH_QUADS, ...constants },
    overrides,
  };
}

function supportsNorm(variant: NormVariant, traits: DeviceTraits, isRms = false): string | null {
  if (variant.conditions.RMS !== isRms) return `RMS is ${!isRms}, expected ${isRms}`;
  const name = (['X_VEC4', 'NORM'] as const).find((condition) => !variant.conditions[condition]);
  if (name !== undefined) return `${name} is false, expected true`;
  return variant.constants.QUADS > 0 ? supports(matmulOf(variant), traits) : 'QUADS is 0, expected 2, 4 or 8';
}

/** Work of a matmul and of the norm in it: more passes over the rows, and gamma, and beta if any, in each workgroup. */
function withNorm(
  { bytes, flops, loads = 0 }: Cost,
  { M, K, N }: Sizes<'M' | 'K' | 'N'>,
  variant: MatmulVariant,
): Cost {
  const [numPasses, numGains] = variant.conditions.RMS ? [PASSES.rmsnorm, 1] : [PASSES.layernorm, 2];
  const { rows, columns } = workgroupSize(variant);
  const [rowTiles, columnTiles] = [ceilDiv(M, rows), ceilDiv(N, columns)];
  return {
    bytes: bytes + 4 * numGains * K,
    loads: loads + rowTiles * columnTiles * (numPasses * rows * K + numGains * K),
    flops: flops + 4 * numPasses * M * K,
  };
}

/**
 * As `layernorm` and `matmul` one after the other, bit for bit: out[M, first + n] = f(norm(x[M, K]) · w[K, N] + bias[N]) (+ out)
 * with gamma[K], beta[K] and eps of the norm. In the reduction class `gpu` alone; K is a multiple of 4. Lanes lie over k, as
 * in `matmul` with QUADS.
 */
export const normMatmul = defineKernel({
  ...common,
  name: 'norm_matmul',
  bindings: { ...operands, ...norm },
  conditions: (traits) => ({ ...normConditions(traits), KV_WRITE: false }),
  supports: (variant, traits) => withoutCache(matmulOf(variant)) ?? supportsNorm(variant, traits),
  accepts: (dims, variant) => accepts(dims, matmulOf(variant)),
  workgroups: (dims, variant) => workgroups(dims, matmulOf(variant)),
  cost: (dims, variant) => withNorm(matmulCost(dims, matmulOf(variant)), dims, matmulOf(variant)),
});

/** As `rmsnorm` and `matmul` one after the other, bit for bit; see `normMatmul`. */
export const rmsnormMatmul = defineKernel({
  ...common,
  name: 'rmsnorm_matmul',
  bindings: { ...operands, gamma: norm.gamma },
  conditions: (traits) => ({ ...normConditions(traits), KV_WRITE: false, RMS: true }),
  supports: (variant, traits) => withoutCache(matmulOf(variant)) ?? supportsNorm(variant, traits, true),
  accepts: (dims, variant) => accepts(dims, matmulOf(variant)),
  workgroups: (dims, variant) => workgroups(dims, matmulOf(variant)),
  cost: (dims, variant) => withNorm(matmulCost(dims, matmulOf(variant)), dims, matmulOf(variant)),
});

/** As `layernorm` and `matmulKVWrite` one after the other, bit for bit; see `normMatmul`. */
export const normMatmulKVWrite = defineKernel({
  ...common,
  name: 'norm_matmul_kv_write',
  bindings: { ...operands, slot_mapping: read.i32('M'), kv: write.u32('B', 2, 'G', 'P', 'W'), ...norm },
  params: { ...common.params, G: 'u32', D: 'u32', P: 'u32' },
  conditions: (traits) => ({ ...normConditions(traits), KV_WRITE: true }),
  supports: (variant, traits) => withoutEpilogue(matmulOf(variant)) ?? supportsNorm(variant, traits),
  accepts: (dims, variant) => acceptsProjection(dims, matmulOf(variant)),
  workgroups: (dims, variant) => workgroups(dims, matmulOf(variant)),
  cost: (dims, variant) => withNorm(projectionCost(dims, matmulOf(variant)), dims, matmulOf(variant)),
});
