// Choice of the matmul's variants by rows: the prior where nothing was measured, and the candidates of a measurement.
import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, Variant, VariantChoice } from '../gpu/kernel-spec.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import { fillsKVRow, type matmul, workgroupSize } from '../kernels/matmul/matmul.ts';
import type { UploadedOperands } from '../kernels/upload.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { TILE, type WeightDType, weightConditions } from '../kernels/weights/weight-tiles.ts';
import { ceilDiv } from '../util/math.ts';
import { uniforms } from '../util/random-values.ts';
import type { Tunable } from './tune-kernel.ts';

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
  readonly config: Readonly<Record<'hiddenSize' | 'mlpSize' | 'numHeads' | 'headDim', number>>;
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
  readonly blockSize: number;
  /** Rows of the largest matmul. */
  readonly maxRows: number;
  /** Columns of the parts of the LM head. */
  readonly headColumns: readonly number[];
}

/** The shapes of all matmuls of a model by the kernel that runs them, for as many rows as it may have, fewer rows first. */
export function matmulShapes({ config, kvDtype, maxRows, headColumns }: Omit<MatmulSizes, 'dtype' | 'blockSize'>): {
  readonly matmul: readonly MatmulShape[];
  readonly matmulKVWrite: readonly MatmulShape[];
} {
  const { hiddenSize: C, mlpSize: F, headDim: D } = config;
  const projection = { K: C, N: 3 * C };
  const others = [{ K: C, N: C }, { K: C, N: F }, { K: F, N: C }, ...headColumns.map((N) => ({ K: C, N }))];
  const buckets = MATMUL_BUCKETS.filter((rows) => rows <= bucketOf(maxRows));
  const shapes = (weights: readonly Omit<MatmulShape, 'M'>[]) => {
    const distinct = new Map(weights.map((size) => [`${size.K} ${size.N}`, size]));
    return buckets.flatMap((M) => [...distinct.values()].map((size) => ({ M, ...size })));
  };
  return fillsKVRow(D, kvDtype)
    ? { matmul: shapes(others), matmulKVWrite: shapes([projection]) }
    : { matmul: shapes([projection, ...others]), matmulKVWrite: [] };
}

/** The matmuls of a model: those whose rows of x are whole vec4, the others, and the one that writes keys and values. */
export function tunableMatmuls(
  device: Device,
  { matmul, matmulKVWrite }: Readonly<Record<'matmul' | 'matmulKVWrite', Kernel>>,
  sizes: MatmulSizes,
): readonly Tunable[] {
  const { dtype, kvDtype } = sizes;
  const shapes = matmulShapes(sizes);
  const tunable = (
    kernel: Kernel,
    conditions: Variant['conditions'],
    ofKernel: readonly MatmulShape[],
    invent: (owned: DisposableStack, shape: MatmulShape) => UploadedOperands,
  ): Tunable => ({
    kernel,
    fixed: { conditions: { ...weightConditions(dtype), ...conditions } },
    sizes: ofKernel.map((shape) => ({ ...shape })),
    candidates: ({ M = 0 }) => matmulCandidates(kernel, device.traits, M),
    prepare: (owned, { M = 0, K = 0, N = 0 }) => invent(owned, { M, K, N }),
  });
  const plain = (X_VEC4: boolean) => {
    const ofKernel = shapes.matmul.filter(({ K }) => (K % 4 === 0) === X_VEC4);
    return tunable(matmul, { X_VEC4 }, ofKernel, (owned, { M, K, N }) =>
      inventedMatmul(device, owned, { M, K, N: Math.min(N, MAX_COLUMNS) }, dtype),
    );
  };
  // Heads that fill the rows of the cache make rows of x that are whole vec4.
  const ofKVWrite = { X_VEC4: true, KV_F16: kvDtype === 'f16' };
  const writing = tunable(matmulKVWrite, ofKVWrite, shapes.matmulKVWrite, (owned, shape) =>
    inventedKVWrite(device, owned, shape, sizes),
  );
  return [plain(true), plain(false), writing].filter(({ sizes }) => sizes.length > 0);
}

/**
 * What M rows are measured with: the prior, the variants that differ from it in one tunable, and on a GPU the prior without
 * subgroups. A variant that computes 2 · M rows or more to keep M of them is not worth its time.
 */
export function matmulCandidates(kernel: Kernel, traits: DeviceTraits, M: number): readonly VariantChoice[] {
  const prior = priorChoice(traits, M);
  const isWide = (choice: VariantChoice) => workgroupSize(kernel.variant(traits, choice)).rows >= 2 * M;
  const near = kernel.neighbours(traits, prior).filter((choice, i) => i === 0 || !isWide(choice));
  if (traits.isSoftware || !kernel.variant(traits, prior).conditions.SUBGROUPS) return near;
  return [...near, { ...prior, conditions: { SUBGROUPS: false } }];
}

function inventedMatmul(
  device: Device,
  owned: DisposableStack,
  { M, K, N }: MatmulShape,
  dtype: WeightDType,
): UploadedOperands {
  const x = owned.use(Tensor.from(device, 'x', uniforms(1, M * K), [M, K]));
  const w = owned.use(inventedWeight(device, K, N, dtype));
  const bias = owned.use(Tensor.from(device, 'bias', uniforms(2, N)));
  const out = owned.use(Tensor.create(device, 'out', 'f32', [M, N]));
  return { tensors: { x, w, bias, out }, scalars: {}, outputs: [out] };
}

/** M tokens for the first slots of a cache, in falling order. */
function inventedKVWrite(
  device: Device,
  owned: DisposableStack,
  shape: MatmulShape,
  { config, dtype, kvDtype, blockSize: P }: MatmulSizes,
): UploadedOperands {
  const { M } = shape;
  const { numHeads: H, headDim: D } = config;
  const { tensors, scalars, outputs } = inventedMatmul(device, owned, shape, dtype);
  const slots = Int32Array.from({ length: M }, (_, m) => M - 1 - m);
  const slot_mapping = owned.use(Tensor.from(device, 'slot mapping', slots));
  const kvShape = [ceilDiv(M, P), 2, H, P, kvRowWords(D, kvDtype)];
  const kv = owned.use(Tensor.create(device, 'kv', 'u32', kvShape));
  return { tensors: { ...tensors, slot_mapping, kv }, scalars: { ...scalars, D }, outputs: [...outputs, kv] };
}

/** [K, N] of which all tiles are alike: inventing one is quick. */
function inventedWeight(device: Device, K: number, N: number, dtype: WeightDType): PackedWeight {
  const weight = PackedWeight.create(device, 'w', [K, N], dtype);
  weight.repeatTile(uniforms(3, K * TILE));
  return weight;
}
