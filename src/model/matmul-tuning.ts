import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { ChoiceOf, VariantChoice } from '../gpu/kernel-spec.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type matmul, workgroupSize } from '../kernels/matmul.ts';
import { packTiles, TILE, tiledShape, type WeightDType, weightConditions } from '../kernels/weight-tiles.ts';
import type { GPT2Config } from './config.ts';
import { neighbours, noise, type Tunable, type TuningOperands } from './tune-kernel.ts';

/** What the variants of the matmul differ in besides storage and epilogue. All of them give the same bits. */
export type MatmulChoice = ChoiceOf<(typeof matmul)['spec']>;

/** Sizes that decide which variant is the fastest: x[M, K] · w[K, N]. */
export interface MatmulShape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** Numbers of rows that choices are made for: a matmul takes that of the first that holds its rows, else of the last. */
export const MATMUL_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 64];

/** Rows that share a load of weights when nothing was measured: the first that holds all rows is taken, else the last. */
const PRIOR_ROWS: readonly number[] = [1, 2, 8];

/** Lanes of a workgroup by the adapter's vendor: two subgroups where they are wide. Measured on no GPU yet. */
const VENDOR_LANES: Readonly<Record<string, 32 | 64>> = { nvidia: 64, amd: 64, intel: 32, apple: 64 };

/** Columns that are timed of a wider weight, such as an LM head: its tiles are all alike. */
const MAX_COLUMNS = 8192;

/** The bucket that M rows fall into. */
export function bucketOf(M: number): number {
  return MATMUL_BUCKETS.find((rows) => rows >= M) ?? Math.max(...MATMUL_BUCKETS);
}

/** What M rows take when nothing was measured. What it leaves out are the kernel's own defaults for the adapter. */
export function priorChoice(
  { isSoftware, vendor }: Pick<DeviceTraits, 'isSoftware' | 'vendor'>,
  M: number,
): MatmulChoice {
  const ROWS = PRIOR_ROWS.find((rows) => rows >= M) ?? Math.max(...PRIOR_ROWS);
  const LANES = isSoftware ? undefined : VENDOR_LANES[vendor];
  return { constants: { ROWS }, ...(LANES !== undefined && { overrides: { LANES } }) };
}

/** What decides which matmuls a model has. */
export interface MatmulSizes {
  readonly config: Pick<GPT2Config, 'hiddenSize' | 'mlpSize'>;
  readonly dtype: WeightDType;
  /** Rows of the largest matmul. */
  readonly maxRows: number;
  /** Columns of the parts of the LM head. */
  readonly headColumns: readonly number[];
}

/** The shapes of all matmuls of a model, for as many rows as it may have, fewer rows first. */
export function matmulShapes({ config, maxRows, headColumns }: Omit<MatmulSizes, 'dtype'>): readonly MatmulShape[] {
  const { hiddenSize: C, mlpSize: F } = config;
  const weights = [[C, 3 * C], [C, C], [C, F], [F, C], ...headColumns.map((N) => [C, N])];
  const distinct = new Map(weights.map(([K = 0, N = 0]) => [`${K} ${N}`, { K, N }]));
  const buckets = MATMUL_BUCKETS.filter((rows) => rows <= bucketOf(maxRows));
  return buckets.flatMap((M) => [...distinct.values()].map((size) => ({ M, ...size })));
}

/** The matmuls of a model: those whose rows of x are whole vec4, and the others. */
export function tunableMatmuls(device: Device, kernel: typeof matmul, sizes: MatmulSizes): readonly Tunable[] {
  const { dtype } = sizes;
  const shapes = matmulShapes(sizes);
  const tunables = [true, false].map(
    (X_VEC4): Tunable => ({
      kernel,
      fixed: { conditions: { ...weightConditions(dtype), X_VEC4 } },
      sizes: shapes.filter(({ K }) => (K % 4 === 0) === X_VEC4).map((shape) => ({ ...shape })),
      candidates: ({ M = 0 }) => matmulCandidates(kernel, device.traits, M),
      prepare: (owned, { M = 0, K = 0, N = 0 }) => inventedMatmul(device, owned, { M, K, N }, dtype),
    }),
  );
  return tunables.filter(({ sizes }) => sizes.length > 0);
}

/**
 * What M rows are measured with: the prior, the variants that differ from it in one tunable, and on a GPU the prior without
 * subgroups. A variant that computes 2 · M rows or more to keep M of them is not worth its time.
 */
export function matmulCandidates(kernel: typeof matmul, traits: DeviceTraits, M: number): readonly VariantChoice[] {
  const prior = priorChoice(traits, M);
  const isWide = (choice: VariantChoice) => workgroupSize(kernel.variant(traits, choice)).rows >= 2 * M;
  const near = neighbours(kernel, traits, prior).filter((choice, i) => i === 0 || !isWide(choice));
  if (traits.isSoftware || !kernel.variant(traits, prior).conditions.SUBGROUPS) return near;
  return [...near, { ...prior, conditions: { SUBGROUPS: false } }];
}

function inventedMatmul(
  device: Device,
  owned: DisposableStack,
  { M, K, N: allColumns }: MatmulShape,
  dtype: WeightDType,
): TuningOperands {
  const N = Math.min(allColumns, MAX_COLUMNS);
  const x = owned.use(Tensor.from(device, 'x', noise(M * K), [M, K]));
  const w = owned.use(inventedWeight(device, K, N, dtype));
  const bias = owned.use(Tensor.from(device, 'bias', noise(N)));
  const out = owned.use(Tensor.create(device, 'out', 'f32', [M, N]));
  return { tensors: { x, w, bias, out }, scalars: { first: 0 }, output: out };
}

/** [K, N] of which all tiles are alike: packing one is quick. */
function inventedWeight(device: Device, K: number, N: number, dtype: WeightDType): Tensor {
  const shape = tiledShape(K, N, dtype);
  const [tiles] = shape;
  const tile = packTiles(K, TILE, dtype, noise(K * TILE), 'kn');
  const words = new Uint32Array(tiles * tile.length);
  for (let i = 0; i < tiles; i++) words.set(tile, i * tile.length);
  return Tensor.from(device, 'w', words, shape);
}
