// The matmul and the one that also writes keys and values. The variants of a reduction class sum k in one order, so a row's
// bits depend neither on its variant nor on its batch.
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { type Cost, read, readPacked, type Sizes, type Variant, type VariantOf, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { type KVDType, kvDType, kvRowWords } from '../kv-write/kv-write.ts';
import { REDUCTIONS } from '../reductions.ts';
import { F32_CONDITIONS, STORAGE_CONDITIONS, TILE, tileRows, weightDType } from '../weights/weight-tiles.ts';
import { refuseSharedTiles, sharedTilesSize } from './shared-tiles.ts';

/** Lanes that share a weight tile: each owns four neighbouring columns. */
export const LANES_PER_TILE = TILE / 4;
/** Lanes of a workgroup: the most on any adapter. */
export const MAX_LANES = 256;
/** Lanes of a workgroup that lie over k, ascending. */
export const LANES_OVER_K: readonly number[] = [32, 64, 96, 128, 192, MAX_LANES];
/** Lanes of a workgroup that lie over columns: the most. */
const MAX_LANES_OVER_COLUMNS = 64;

/** Bindings of all kernels that take a packed weight. */
export const operands = { x: read('M', 'K'), w: readPacked('K', 'N'), bias: read('N'), out: write('M', 'O') };
/** Scalars of all of them. */
export const params = { M: 'u32', N: 'u32', K: 'u32', O: 'u32', first: 'u32' } as const;
/** Defaults of the scalars. */
export const defaults = { first: 0 };
/** Conditions that select an activation of the sums. */
const ACTIVATIONS = ['GELU_NEW', 'GELU', 'RELU', 'SILU_MUL'] as const;
const EPILOGUES = [...ACTIVATIONS, 'RESIDUAL'] as const;
/**
 * An algorithm a file: lanes lie over chunks of k, which only the class `gpu` has; or share tiles of x and w, or hand each
 * other x by shuffles, or each load what they need.
 */
const shader = {
  QUADS: 'matmul_chunks',
  K_TILE: 'matmul_tiles',
  SUBGROUPS: 'matmul_subgroup',
  otherwise: 'matmul',
} as const;
const tunables = {
  ROWS: [1, 2, 4, 8],
  TILES: [1, 2, 3],
  X_LANES: [4, 8],
  K_TILE: [0, 16, 32],
  QUADS: [0, 2, 4, 8],
  LANES: [8, ...LANES_OVER_K],
};
/** X_LANES where no lane asks another for x. */
const UNUSED_X_LANES = 4;
/** Values of what lanes that lie over k have no use for. */
export const WITH_QUADS = { TILES: 1, X_LANES: UNUSED_X_LANES, K_TILE: 0 } as const;
/** Bytes that a workgroup may share on any adapter: WebGPU's default limit. */
export const MAX_SHARED_BYTES = 16384;

/** Returns the conditions of a device, but for KV_WRITE. */
export function conditions(traits: DeviceTraits) {
  return {
    SUBGROUPS: traits.minSubgroupSize >= 4 && !liesOverK(traits),
    ...F32_CONDITIONS,
    X_VEC4: false,
    GELU_NEW: false,
    GELU: false,
    RELU: false,
    SILU_MUL: false,
    RESIDUAL: false,
    KV_F16: false,
    NORM: false,
    RMS: false,
  };
}

/** Tells whether lanes lie over chunks of k by default: a software adapter takes long to compile that, and gains nothing. */
export function liesOverK({ reduction, isSoftware }: Pick<DeviceTraits, 'reduction' | 'isSoftware'>): boolean {
  return reduction === 'gpu' && !isSoftware;
}

// On a processor loads cost most, and several tiles share those of x; without subgroups it would only be a larger program.
function constants(traits: DeviceTraits) {
  const { minSubgroupSize, isSoftware, reduction } = traits;
  return {
    ROWS: 1,
    TILES: isSoftware && minSubgroupSize >= 4 ? 3 : 1,
    X_LANES: minSubgroupSize < 8 || liesOverK(traits) ? 4 : 8,
    K_TILE: 0,
    CHUNK: REDUCTIONS[reduction].chunkK,
    QUADS: liesOverK(traits) ? LANES_PER_TILE : 0,
  };
}

function overrides(traits: DeviceTraits) {
  if (liesOverK(traits)) return { LANES: MAX_LANES };
  return { LANES: traits.isSoftware ? LANES_PER_TILE : 4 * LANES_PER_TILE };
}

/** Variant of a matmul. */
export type MatmulVariant = VariantOf<
  keyof ReturnType<typeof conditions>,
  keyof ReturnType<typeof constants>,
  keyof ReturnType<typeof overrides>
>;

/** Rows and columns that a workgroup computes: with K_TILE its lanes lie over rows, with QUADS over k, else over columns. */
export function workgroupSize({ constants, overrides }: Pick<MatmulVariant, 'constants' | 'overrides'>): {
  readonly rows: number;
  readonly columns: number;
} {
  const { ROWS, TILES, K_TILE, QUADS } = constants;
  const { LANES } = overrides;
  if (QUADS > 0) return { rows: ROWS, columns: 4 * QUADS };
  if (K_TILE > 0) return sharedTilesSize({ ROWS, TILES, K_TILE, LANES });
  return { rows: ROWS, columns: (TILE * TILES * LANES) / LANES_PER_TILE };
}

/** Names what keeps lanes from lying over k, or null. */
function supportsQuads({ conditions, constants, overrides }: MatmulVariant): string | null {
  const { ROWS, CHUNK, QUADS } = constants;
  if (CHUNK === 0) return `QUADS is ${QUADS}, expected 0 in the reduction class software`;
  if (conditions.SUBGROUPS) return 'SUBGROUPS is true, with QUADS expected false';
  const unused = (['TILES', 'X_LANES', 'K_TILE'] as const).find((name) => constants[name] !== WITH_QUADS[name]);
  if (unused !== undefined) return `${unused} is ${constants[unused]}, with QUADS expected ${WITH_QUADS[unused]}`;
  const { LANES } = overrides;
  if (LANES < QUADS * ROWS) return `LANES is ${LANES}, with QUADS expected at least ${QUADS * ROWS}`;
  const bytes = (4 * ROWS * LANES * CHUNK) / QUADS;
  return bytes > MAX_SHARED_BYTES
    ? `ROWS is ${ROWS}, which takes ${bytes} bytes of the ${MAX_SHARED_BYTES} shared`
    : null;
}

/** Names what keeps a workgroup from sharing tiles of x and w, or null. */
function supportsTiles({ conditions, constants, overrides }: MatmulVariant): string | null {
  const { ROWS, TILES, X_LANES, K_TILE, CHUNK } = constants;
  if (CHUNK === 0) return `K_TILE is ${K_TILE}, expected 0 in the reduction class software`;
  if (conditions.SUBGROUPS) return 'SUBGROUPS is true, with K_TILE expected false';
  if (X_LANES !== UNUSED_X_LANES) return `X_LANES is ${X_LANES}, with K_TILE expected ${UNUSED_X_LANES}`;
  return refuseSharedTiles({ ROWS, TILES, K_TILE, LANES: overrides.LANES }, MAX_SHARED_BYTES);
}

/** Names what keeps a device from running a variant, or null. */
export function supports(variant: MatmulVariant, traits: DeviceTraits): string | null {
  const { minSubgroupSize, reduction } = traits;
  const { conditions, constants, overrides } = variant;
  const { X_LANES, K_TILE, CHUNK, QUADS } = constants;
  const { chunkK } = REDUCTIONS[reduction];
  if (CHUNK !== chunkK) return `CHUNK is ${CHUNK}, expected ${chunkK} in the reduction class ${reduction}`;
  const storages = STORAGE_CONDITIONS.filter((name) => conditions[name]);
  if (storages.length > 1) return `${storages.join(' and ')} are true, expected one of them`;
  const activations = ACTIVATIONS.filter((name) => conditions[name]);
  if (activations.length > 1) return `${activations.join(' and ')} are true, expected one of them`;
  if (conditions.SILU_MUL && conditions.RESIDUAL) return 'SILU_MUL and RESIDUAL are both true, expected one of them';
  if (QUADS > 0) return supportsQuads(variant);
  if (K_TILE > 0) return supportsTiles(variant);
  if (overrides.LANES > MAX_LANES_OVER_COLUMNS)
    return `LANES is ${overrides.LANES}, without QUADS expected at most ${MAX_LANES_OVER_COLUMNS}`;
  return conditions.SUBGROUPS && X_LANES > minSubgroupSize
    ? `X_LANES is ${X_LANES}, with SUBGROUPS expected at most the ${minSubgroupSize} lanes of a subgroup`
    : null;
}

/** Names what is wrong with sizes, or null. */
export function accepts(
  { N, K, O, first }: Sizes<'N' | 'K' | 'O' | 'first'>,
  { conditions }: MatmulVariant,
): string | null {
  if (conditions.X_VEC4 && K % 4 !== 0) return `K is ${K}, with X_VEC4 expected a multiple of 4`;
  if (conditions.SILU_MUL && N % 2 !== 0) return `w has ${N} columns, with SILU_MUL expected a multiple of 2`;
  const end = first + columnsOfOut(N, conditions);
  return end > O ? `columns [${first}, ${end}) are beyond out's ${O}` : null;
}

/** Returns the columns that a matmul of N columns writes. */
export function columnsOfOut(N: number, { SILU_MUL }: Readonly<Record<string, boolean>>): number {
  return SILU_MUL ? N / 2 : N;
}

/** Returns the workgroups of a dispatch. */
export function workgroups({ M, N }: Sizes<'M' | 'N'>, variant: MatmulVariant): [number, number, number] {
  const { rows, columns } = workgroupSize(variant);
  return [ceilDiv(N, columns), ceilDiv(M, rows), 1];
}

/** Words of w, with its padding. */
function weightWords({ N, K }: Sizes<'N' | 'K'>, { conditions }: MatmulVariant): number {
  return ceilDiv(N, TILE) * tileRows(K, weightDType(conditions)) * TILE;
}

/**
 * Words that lanes load: each of w for every ROWS rows, and each of x for every TILES tiles, by all their lanes or by
 * X_LANES of them together; with K_TILE each once a workgroup.
 */
function loads({ M, N, K }: Sizes<'M' | 'N' | 'K'>, variant: MatmulVariant): number {
  const { conditions, constants } = variant;
  const words = weightWords({ N, K }, variant);
  const { ROWS, TILES, X_LANES, K_TILE, QUADS } = constants;
  const tiles = ceilDiv(N, TILE);
  if (QUADS > 0) return ceilDiv(M, ROWS) * (words + ceilDiv(N, workgroupSize(variant).columns) * ROWS * K);
  if (K_TILE > 0) {
    const { rows } = workgroupSize(variant);
    return ceilDiv(M, rows) * (words + ceilDiv(tiles, TILES) * rows * K);
  }
  const rounds = ceilDiv(tiles, TILES) * (LANES_PER_TILE / (conditions.SUBGROUPS ? X_LANES : 1));
  return ceilDiv(M, ROWS) * (words + rounds * ROWS * K);
}

/** Returns the work of `matmul`. */
export function matmulCost({ M, N, K }: Sizes<'M' | 'N' | 'K'>, variant: MatmulVariant): Cost {
  return {
    bytes: 4 * (M * K + weightWords({ N, K }, variant) + N + M * columnsOfOut(N, variant.conditions)),
    loads: loads({ M, N, K }, variant),
    flops: 2 * M * K * N,
  };
}

/** Names a condition that only another kernel can have, or null. */
function ofOthers({ conditions }: MatmulVariant & Variant, kernels: Readonly<Record<string, string>>): string | null {
  const name = Object.keys(kernels).find((condition) => conditions[condition]);
  return name === undefined ? null : `${name} is true, which only ${kernels[name]} can be`;
}

/**
 * out[M, first + n] = f(x[M, K] · w[K, N] + bias[N]) (+ out): f is the identity or one of the conditions GELU_NEW, GELU,
 * RELU; RESIDUAL adds what `out` held. With SILU_MUL columns 2i and 2i + 1 of w are a gate and what it scales: column first + i of
 * `out` is silu(gate) · scaled. w is a PackedWeight, whose storage type decides W_F16, W_Q8, W_Q8_32 and
 * W_Q4. X_VEC4 asks for K % 4 = 0 and loads less.
 *
 * Every variant sums k ascending with one fma chain an output, or a chain for each CHUNK k, whose sums are added ascending:
 * the device's reduction class decides which. So results are bit-equal whatever ROWS, TILES, K_TILE, QUADS, LANES or
 * SUBGROUPS: a row's result does not depend on M. With QUADS > 0, in the class `gpu` alone, lanes lie over QUADS quads of
 * columns and over chunks of k, so that few columns employ many lanes. With K_TILE > 0, in that class too, a workgroup shares
 * K_TILE k of its rows and columns at a time, for many rows.
 */
export const matmul = defineKernel({
  name: 'matmul',
  shader,
  bindings: operands,
  params,
  defaults,
  conditions: (traits) => ({ ...conditions(traits), KV_WRITE: false }),
  constants,
  overrides,
  tunables,
  supports: (variant, traits) =>
    ofOthers(variant, {
      KV_WRITE: 'matmulKVWrite',
      KV_F16: 'matmulKVWrite',
      NORM: 'normMatmul',
      RMS: 'rmsnormMatmul',
    }) ?? supports(variant, traits),
  accepts,
  workgroups,
  cost: matmulCost,
});

/** Tells whether rows of D elements are whole vectors of the cache, as `matmulKVWrite` needs them. */
export function fillsKVRow(D: number, dtype: KVDType): boolean {
  return kvRowWords(D, dtype) * (dtype === 'f16' ? 2 : 1) === D;
}

/** Names an epilogue, which a projection to keys and values has none of, or null. */
export function withoutEpilogue({ conditions }: MatmulVariant): string | null {
  const epilogue = EPILOGUES.find((name) => conditions[name]);
  return epilogue === undefined ? null : `${epilogue} is true, expected no epilogue`;
}

type ProjectionSizes = Sizes<'M' | 'N' | 'K' | 'O' | 'first' | 'G' | 'D' | 'W'>;

/** Names what is wrong with the sizes of a projection, or null. */
export function acceptsProjection(dims: ProjectionSizes, variant: MatmulVariant): string | null {
  const { N, G, D, W } = dims;
  const dtype = kvDType(variant.conditions);
  if (N < 2 * G * D || N % D !== 0) {
    return `w has ${N} columns, expected those of some heads and of 2 · G with G = ${G}, D = ${D}`;
  }
  if (!fillsKVRow(D, dtype)) return `D is ${D}, expected a multiple of ${dtype === 'f16' ? 8 : 4} for keys of ${dtype}`;
  if (W !== kvRowWords(D, dtype)) return `kv has rows of ${W} words, expected ${kvRowWords(D, dtype)} for D = ${D}`;
  return accepts(dims, variant);
}

/** Returns the work of `matmulKVWrite`. */
export function projectionCost({ M, N, K, G, D, W }: ProjectionSizes, variant: MatmulVariant): Cost {
  return {
    bytes: 4 * (M * K + weightWords({ N, K }, variant) + N + M * (1 + N - 2 * G * D + 2 * G * W)),
    loads: loads({ M, N, K }, variant),
    flops: 2 * M * K * N,
  };
}

/**
 * As `matmul` and `kvWrite` one after the other, bit for bit: q goes to out[M, O], whose last 2·G·D columns stay as they are; k and
 * v go to kv[B, 2, G, P, W] at slot_mapping[M]; a negative slot is padding. D must fill the rows of the cache (`fillsKVRow`),
 * and there is neither an activation nor RESIDUAL.
 */
export const matmulKVWrite = defineKernel({
  name: 'matmul_kv_write',
  shader,
  bindings: { ...operands, slot_mapping: read.i32('M'), kv: write.u32('B', 2, 'G', 'P', 'W') },
  params: { ...params, G: 'u32', D: 'u32', P: 'u32' },
  defaults,
  conditions: (traits) => ({ ...conditions(traits), KV_WRITE: true }),
  constants,
  overrides,
  tunables,
  supports: (variant, traits) =>
    ofOthers(variant, { NORM: 'normMatmulKVWrite', RMS: 'rmsnormMatmul' }) ??
    withoutEpilogue(variant) ??
    supports(variant, traits),
  accepts: acceptsProjection,
  workgroups,
  cost: projectionCost,
});
