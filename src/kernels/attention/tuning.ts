// Tuning of attention by heads and tokens of a tile: decode rows, whole and in splits, and tiles of a prompt, over an invented
// step. Contexts are no size of it: time goes by keys, whatever their number.
import { canRun } from '../../gpu/can-run.ts';
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { Sizes, Variant, VariantChoice } from '../../gpu/kernel-spec.ts';
import { uniforms } from '../../util/random-values.ts';
import type { KernelTuning } from '../kernel-tuning.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { attention, attentionSplit } from './attention.ts';
import { AttentionStep, type SequenceData, sumsOf } from './operands.ts';

/** Sequences of the invented step, and the tokens of each: two splits, the last tile of keys not full. */
const [SEQUENCES, CONTEXT] = [4, 300];
/** Query tiles of each sequence in a prefill. */
const PREFILL_TILES = 2;
/** Most rows of a workgroup where nothing was measured. */
const FEW_ROWS = 4;

/** Rows of a workgroup that are tried. */
const ROWS: readonly number[] = attention.spec.tunables?.ROWS ?? [];

/** Sizes of a tile of query rows. */
type TileSizes = Sizes<'SHARE' | 'tileTokens'>;

const common = {
  sizes: ['G', 'SHARE', 'tileTokens'],
  fixed: ['KV_F16', 'D', 'SHARE'],
  prior: attentionPrior,
  candidates: attentionCandidates,
} as const;

/** Tuning of `attention`, over decode rows and over tiles of prompts. */
export const attentionTuning: KernelTuning<typeof attention.spec, 'G' | 'SHARE' | 'tileTokens'> = {
  ...common,
  kernel: attention,
  operands: ({ dims, variant }) => inventedStep(dims, variant).whole(dims.tileTokens),
};

/** Tuning of `attentionSplit`. */
export const attentionSplitTuning: KernelTuning<typeof attentionSplit.spec, 'G' | 'SHARE' | 'tileTokens'> = {
  ...common,
  kernel: attentionSplit,
  operands: ({ dims, variant }) => inventedStep(dims, variant).split(),
};

/** Lists numbers of rows of which the smaller do not hold all of a tile. */
function rowsOf({ SHARE, tileTokens }: TileSizes): readonly number[] {
  return ROWS.filter((rows) => rows < 2 * tileTokens * SHARE);
}

/**
 * Chooses rows of a workgroup: a few, so that heads share keys and a decode row of a GPU has loads at a time, sixteen where it is
 * alone; in the class `software` more for prompts, since a processor has their loads in a cache and nothing to wait for.
 */
function attentionPrior({ reduction, isSoftware }: DeviceTraits, sizes: TileSizes): VariantChoice {
  const most = reduction === 'software' && sizes.tileTokens > 1 ? 8 : FEW_ROWS;
  const rows = rowsOf(sizes).findLast((each) => each <= most) ?? 1;
  const isAlone = reduction === 'gpu' && !isSoftware && rows === 1;
  return { constants: { ROWS: rows, ...(isAlone ? { LOADS: 16 } : {}) } };
}

/**
 * Lists every number of rows, lanes and loads that a device can run, the prior first; lanes that are sure to lie in one subgroup
 * use it where the reduction class does. On a software adapter only the prior: barriers among more lanes take it long to run,
 * and seconds to compile.
 */
export function attentionCandidates(kernel: Kernel, traits: DeviceTraits, sizes: TileSizes): readonly VariantChoice[] {
  const prior = kernel.variant(traits, attentionPrior(traits, sizes)).constants;
  const valuesOf = (name: 'ROWS' | 'LANES' | 'LOADS', all = kernel.spec.tunables?.[name] ?? []) => [
    ...new Set([prior[name] ?? 1, ...(traits.isSoftware ? [] : all)]),
  ];
  const candidates = valuesOf('ROWS', rowsOf(sizes)).flatMap((rows) =>
    valuesOf('LANES').flatMap((LANES) =>
      valuesOf('LOADS').map((LOADS) => ({
        conditions: { SUBGROUPS: traits.reduction === 'software' && LANES <= traits.minSubgroupSize },
        constants: { ROWS: rows, LANES, LOADS },
      })),
    ),
  );
  return candidates.filter((choice) => canRun(kernel, traits, choice));
}

/** Makes a step of the last tokens of each sequence, in full tiles. All sequences have the same numbers, in blocks of their own. */
function inventedStep(
  { G, SHARE, D, P, tileTokens }: Sizes<'G' | 'D' | 'P'> & TileSizes,
  variant: Variant,
): AttentionStep {
  const queries = tileTokens > 1 ? tileTokens * PREFILL_TILES : 1;
  const q = uniforms(queries, queries * G * SHARE * D);
  const [k, v] = [1, 2].map((seed) => uniforms(seed, CONTEXT * G * D));
  const sequence = { context: CONTEXT, queries, q, k: k!, v: v! };
  const shape = { G, SHARE, D, P, dtype: kvDType(variant.conditions), sums: sumsOf(variant) };
  return new AttentionStep(shape, new Array<SequenceData>(SEQUENCES).fill(sequence));
}
