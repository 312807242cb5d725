// Tuning of the matmuls by rows and weight: the prior where nothing was measured, and the candidates of a measurement.
import type { DeviceTraits } from '../../gpu/device.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { ChoiceOf, Sizes, VariantChoice } from '../../gpu/kernel-spec.ts';
import type { KernelTuning } from '../kernel-tuning.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { weightDType } from '../weights/weight-tiles.ts';
import { matmul, matmulKVWrite, workgroupSize } from './matmul.ts';
import { timedMatmulOperands, timedProjectionOperands } from './operands.ts';

/** Variant of a matmul but for storage and epilogue: all of them give the same bits. */
export type MatmulChoice = ChoiceOf<(typeof matmul)['spec']>;

/** Numbers of rows that choices are made for. */
export const MATMUL_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 64];

/** Rows that share a load of weights when nothing was measured: the first that holds all rows is taken, else the last. */
const PRIOR_ROWS: readonly number[] = [1, 2, 8];

/** Lanes of a workgroup by the adapter's vendor: two subgroups where they are wide. Measured on no GPU yet. */
const VENDOR_LANES: Readonly<Record<string, 32 | 64>> = { nvidia: 64, amd: 64, intel: 32, apple: 64 };

/** Columns that are timed of a wider weight, such as an LM head: its tiles are all alike. */
const MAX_COLUMNS = 8192;

const common = {
  sizes: ['M', 'K', 'N'],
  buckets: { M: MATMUL_BUCKETS },
  prior: (traits: DeviceTraits, { M }: Sizes<'M'>) => priorChoice(traits, M),
  candidates: (kernel: Kernel, traits: DeviceTraits, { M }: Sizes<'M'>) => matmulCandidates(kernel, traits, M),
} as const;

/** Tuning of `matmul`: rows of x that are whole vec4 apart from others. */
export const matmulTuning: KernelTuning<typeof matmul.spec, 'M' | 'K' | 'N'> = {
  ...common,
  kernel: matmul,
  fixed: ['W_F16', 'W_Q8', 'X_VEC4'],
  operands: ({ dims: { M, K, N }, variant: { conditions } }) =>
    timedMatmulOperands({ M, K, N: Math.min(N, MAX_COLUMNS) }, weightDType(conditions)),
};

/** Tuning of `matmulKVWrite`. */
export const matmulKVWriteTuning: KernelTuning<typeof matmulKVWrite.spec, 'M' | 'K' | 'N'> = {
  ...common,
  kernel: matmulKVWrite,
  fixed: [...matmulTuning.fixed, 'KV_F16'],
  operands: ({ dims: { M, K, N, H, D, P }, variant: { conditions } }) =>
    timedProjectionOperands({ M, K, N }, weightDType(conditions), {
      H,
      D,
      P,
      dtype: kvDType(conditions),
    }),
};

/** Returns the choice for M rows when nothing was measured; what it leaves out are the kernel's own defaults for the adapter. */
export function priorChoice(
  { isSoftware, vendor }: Pick<DeviceTraits, 'isSoftware' | 'vendor'>,
  M: number,
): MatmulChoice {
  const ROWS = PRIOR_ROWS.find((rows) => rows >= M) ?? Math.max(...PRIOR_ROWS);
  const LANES = isSoftware ? undefined : VENDOR_LANES[vendor];
  return { constants: { ROWS }, ...(LANES !== undefined && { overrides: { LANES } }) };
}

/**
 * Lists what M rows are measured with: the prior, the variants that differ from it in one tunable, and on a GPU the prior
 * without subgroups. A variant that computes 2 · M rows or more to keep M of them is not worth its time.
 */
export function matmulCandidates(kernel: Kernel, traits: DeviceTraits, M: number): readonly VariantChoice[] {
  const prior = priorChoice(traits, M);
  const isWide = (choice: VariantChoice) => workgroupSize(kernel.variant(traits, choice)).rows >= 2 * M;
  const near = kernel.neighbours(traits, prior).filter((choice, i) => i === 0 || !isWide(choice));
  if (traits.isSoftware || !kernel.variant(traits, prior).conditions.SUBGROUPS) return near;
  return [...near, { ...prior, conditions: { SUBGROUPS: false } }];
}
