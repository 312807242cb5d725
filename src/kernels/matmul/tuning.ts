// Tuning of the matmuls by rows and weight: the prior where nothing was measured, and the candidates of a measurement.
import { canRun } from '../../gpu/can-run.ts';
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { ChoiceOf, Sizes, Variant, VariantChoice } from '../../gpu/kernel-spec.ts';
import { labelOf } from '../../gpu/variant-label.ts';
import { ceilDiv } from '../../util/math.ts';
import { bucketOf, type KernelTuning } from '../kernel-tuning.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { REDUCTIONS } from '../reductions.ts';
import { STORAGE_CONDITIONS, TILE, weightDType } from '../weights/weight-tiles.ts';
import {
  LANES_OVER_K,
  liesOverK,
  MAX_LANES,
  MAX_SHARED_BYTES,
  matmul,
  matmulKVWrite,
  workgroupSize,
} from './matmul.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul } from './norm-matmul.ts';
import {
  normInputs,
  normMatmulOperands,
  normProjectionOperands,
  rmsnormMatmulOperands,
  timedMatmulOperands,
  timedProjectionOperands,
} from './operands.ts';
import type { SharedTiles } from './shared-tiles.ts';

/** Variant of a matmul but for storage and epilogue: all of them give the same bits. */
export type MatmulChoice = ChoiceOf<(typeof matmul)['spec']>;

/** Numbers of rows that choices are made for. */
export const MATMUL_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 64, 512];

/** Rows that share a load of weights when nothing was measured: the first that holds all rows is taken, else the last. */
const PRIOR_ROWS: readonly number[] = [1, 2, 8];

/** Lanes of a workgroup by the adapter's vendor: two subgroups where they are wide. Measured on no GPU yet. */
const VENDOR_LANES: Readonly<Record<string, 32 | 64>> = { nvidia: 64, amd: 64, intel: 32, apple: 64 };

/** Workgroups that a matmul should have at least, as large GPUs have 96 to 132 compute units. */
const MIN_WORKGROUPS = 96;

/** Workgroups that share tiles, by the part of the output that one computes. */
const SHARED_TILES = {
  '64 × 64': tilesChoice({ ROWS: 4, TILES: 2, K_TILE: 16, LANES: 256 }),
  '128 × 64': tilesChoice({ ROWS: 8, TILES: 2, K_TILE: 16, LANES: 256 }),
  '64 × 64, half the lanes': tilesChoice({ ROWS: 8, TILES: 2, K_TILE: 16, LANES: 128 }),
  '32 × 32': tilesChoice({ ROWS: 4, TILES: 1, K_TILE: 32, LANES: 64 }),
} as const;
/** Rows and columns of the first of them. */
const TILE_SIZE = 64;
/** Vendors whose lanes have registers for eight rows of a tile. Measured on no GPU yet. */
const WITH_MANY_REGISTERS: readonly string[] = ['amd', 'apple', 'nvidia'];

/** Columns that are timed of a wider weight, such as an LM head: its tiles are all alike. */
const MAX_COLUMNS = 8192;

const common = {
  sizes: ['M', 'K', 'N'],
  buckets: { M: MATMUL_BUCKETS },
  prior: (traits: DeviceTraits, sizes: Sizes<'M' | 'K' | 'N'>) => priorChoice(traits, sizes),
  candidates: (kernel: Kernel, traits: DeviceTraits, sizes: Sizes<'M' | 'K' | 'N'>) =>
    matmulCandidates(kernel, traits, sizes),
} as const;

/** Tuning of `matmul`: rows of x that are whole vec4 apart from others. */
export const matmulTuning: KernelTuning<typeof matmul.spec, 'M' | 'K' | 'N'> = {
  ...common,
  kernel: matmul,
  fixed: [...STORAGE_CONDITIONS, 'X_VEC4'],
  operands: timedMatmul,
};

/** A dispatch as far as operands follow it. */
export interface SizedDispatch<Names extends string> {
  readonly dims: Sizes<Names>;
  readonly variant: Pick<Variant, 'conditions'>;
}

function timedMatmul({ dims: { M, K, N }, variant: { conditions } }: SizedDispatch<'M' | 'K' | 'N'>) {
  return timedMatmulOperands({ M, K, N: Math.min(N, MAX_COLUMNS) }, weightDType(conditions));
}

function timedProjection({ dims, variant: { conditions } }: SizedDispatch<'M' | 'K' | 'N' | 'G' | 'D' | 'P'>) {
  const { M, K, N, G, D, P } = dims;
  return timedProjectionOperands({ M, K, N }, weightDType(conditions), { G, D, P, dtype: kvDType(conditions) });
}

/** Tuning of `matmulKVWrite`. */
export const matmulKVWriteTuning: KernelTuning<typeof matmulKVWrite.spec, 'M' | 'K' | 'N'> = {
  ...common,
  kernel: matmulKVWrite,
  fixed: [...matmulTuning.fixed, 'KV_F16'],
  operands: timedProjection,
};

const normCommon = {
  ...common,
  prior: (_: DeviceTraits, sizes: Sizes<'M' | 'K' | 'N'>) => normChoice(sizes),
  candidates: (kernel: Kernel, traits: DeviceTraits, sizes: Sizes<'M' | 'K' | 'N'>) =>
    kernel.neighbours(traits, normChoice(sizes)).filter((choice) => (choice.constants?.ROWS ?? 1) < 2 * sizes.M),
} as const;

/** Tuning of `normMatmul`. */
export const normMatmulTuning: KernelTuning<typeof normMatmul.spec, 'M' | 'K' | 'N'> = {
  ...normCommon,
  kernel: normMatmul,
  fixed: matmulTuning.fixed,
  operands: (dispatch) => normMatmulOperands(timedMatmul(dispatch), normInputs(4, dispatch.dims.K)),
};

/** Tuning of `rmsnormMatmul`. */
export const rmsnormMatmulTuning: KernelTuning<typeof rmsnormMatmul.spec, 'M' | 'K' | 'N'> = {
  ...normCommon,
  kernel: rmsnormMatmul,
  fixed: matmulTuning.fixed,
  operands: (dispatch) => rmsnormMatmulOperands(timedMatmul(dispatch), normInputs(4, dispatch.dims.K)),
};

/** Tuning of `normMatmulKVWrite`. */
export const normMatmulKVWriteTuning: KernelTuning<typeof normMatmulKVWrite.spec, 'M' | 'K' | 'N'> = {
  ...normCommon,
  kernel: normMatmulKVWrite,
  fixed: matmulKVWriteTuning.fixed,
  operands: (dispatch) => normProjectionOperands(timedProjection(dispatch), normInputs(4, dispatch.dims.K)),
};

/** Returns the choice for M rows when nothing was measured; what it leaves out are the kernel's own defaults for the adapter. */
export function priorChoice(
  traits: Pick<DeviceTraits, 'isSoftware' | 'vendor' | 'reduction'>,
  sizes: Sizes<'M' | 'K' | 'N'>,
): MatmulChoice {
  const { isSoftware, vendor } = traits;
  if (liesOverK(traits)) return gpuChoice(vendor, sizes);
  const ROWS = bucketOf(PRIOR_ROWS, sizes.M);
  const LANES = isSoftware ? undefined : VENDOR_LANES[vendor];
  return { constants: { ROWS }, ...(LANES !== undefined && { overrides: { LANES } }) };
}

/** Returns the choice of the class `gpu`: shared tiles where there are enough of them for a large GPU, else lanes over k. */
function gpuChoice(vendor: string, sizes: Sizes<'M' | 'K' | 'N'>): MatmulChoice {
  const { M, N } = sizes;
  const tiles = (rows: number) => (M < rows ? 0 : ceilDiv(M, rows) * ceilDiv(N, TILE_SIZE));
  // Lanes of eight rows load less for each product, but are half as many.
  if (WITH_MANY_REGISTERS.includes(vendor) && tiles(2 * TILE_SIZE) >= 2 * MIN_WORKGROUPS)
    return SHARED_TILES['128 × 64'];
  return tiles(TILE_SIZE) >= MIN_WORKGROUPS ? SHARED_TILES['64 × 64'] : chunksChoice(sizes);
}

function tilesChoice({ LANES, ...constants }: SharedTiles): MatmulChoice {
  return { constants: { ...constants, X_LANES: 4, QUADS: 0 }, overrides: { LANES } };
}

/** Returns the quads of columns of a workgroup whose lanes lie over k: few where N would make few workgroups. */
function quadsOf(N: number): number {
  return N >= MIN_WORKGROUPS * TILE ? TILE / 4 : TILE / 8;
}

/** Returns the choice where a norm is taken in: a lane has no registers for its share of x of eight rows and few columns. */
function normChoice(sizes: Sizes<'M' | 'K' | 'N'>): MatmulChoice {
  return chunksChoice(sizes, sizes.M > 4 ? TILE / 4 : quadsOf(sizes.N));
}

/**
 * Returns the choice of workgroups whose lanes lie over k, with lanes for as many chunks a round as leave the fewest rounds.
 */
function chunksChoice({ M, K, N }: Sizes<'M' | 'K' | 'N'>, QUADS: number = quadsOf(N)): MatmulChoice {
  const ROWS = bucketOf([1, 2, 4, 8], M);
  const { chunkK } = REDUCTIONS.gpu;
  const chunks = ceilDiv(K, chunkK);
  const most = Math.min(MAX_LANES / QUADS, MAX_SHARED_BYTES / (4 * ROWS * chunkK));
  const LANES = QUADS * ceilDiv(chunks, ceilDiv(chunks, most));
  return { constants: { ROWS, QUADS }, overrides: { LANES: bucketOf(LANES_OVER_K, Math.max(LANES, QUADS * ROWS)) } };
}

/**
 * Lists what M rows are measured with: the prior, the variants that differ from it in one tunable, and on a GPU the prior
 * without subgroups, or in its own reduction class the other algorithms. A variant that computes 2 · M rows or more to keep M
 * of them is not worth its time.
 */
export function matmulCandidates(
  kernel: Kernel,
  traits: DeviceTraits,
  sizes: Sizes<'M' | 'K' | 'N'>,
): readonly VariantChoice[] {
  const prior = priorChoice(traits, sizes);
  const others = liesOverK(traits) ? [chunksChoice(sizes), ...Object.values(SHARED_TILES)] : [];
  const all = [...kernel.neighbours(traits, prior), ...others.filter((choice) => canRun(kernel, traits, choice))];
  const labelled = all.map((choice) => ({ choice, variant: kernel.variant(traits, choice) }));
  const distinct = [...Map.groupBy(labelled, ({ variant }) => labelOf(kernel.name, variant)).values()].map(
    ([first]) => first!,
  );
  const near = distinct
    .filter(({ variant }, i) => i === 0 || workgroupSize(variant).rows < 2 * sizes.M)
    .map(({ choice }) => choice);
  if (traits.isSoftware || !kernel.variant(traits, prior).conditions.SUBGROUPS) return near;
  return [...near, { ...prior, conditions: { SUBGROUPS: false } }];
}
