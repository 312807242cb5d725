// Tuning of attention by heads and rows of a tile: decode rows, whole and in splits, and tiles of a prompt, over an invented
// step. Contexts are no size of it: time goes by keys, whatever their number.
import { canRun } from '../../gpu/can-run.ts';
import type { DeviceTraits } from '../../gpu/device.ts';
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

const common = {
  sizes: ['H', 'ROWS'],
  fixed: ['KV_F16', 'D', 'ROWS'],
  prior: attentionPrior,
  candidates: attentionCandidates,
} as const;

/** Tuning of `attention`, over decode rows and over tiles of prompts. */
export const attentionTuning: KernelTuning<typeof attention.spec, 'H' | 'ROWS'> = {
  ...common,
  kernel: attention,
  operands: ({ dims, variant }) => inventedStep(dims, variant).whole(dims.ROWS),
};

/** Tuning of `attentionSplit`. */
export const attentionSplitTuning: KernelTuning<typeof attentionSplit.spec, 'H' | 'ROWS'> = {
  ...common,
  kernel: attentionSplit,
  operands: ({ dims, variant }) => inventedStep(dims, variant).split(),
};

/** Chooses more loads at a time for a decode row of a GPU: it is one of few, and one row leaves the registers for them. */
function attentionPrior({ reduction, isSoftware }: DeviceTraits, { ROWS }: Sizes<'ROWS'>): VariantChoice {
  return reduction === 'gpu' && !isSoftware && ROWS === 1 ? { constants: { LOADS: 16 } } : {};
}

/**
 * Lists every number of lanes and of loads that a device can run, the prior first; lanes that are sure to lie in one subgroup
 * use it where the reduction class does. On a software adapter only the prior: barriers among more lanes take it long to run,
 * and seconds to compile.
 */
export function attentionCandidates(
  kernel: Kernel,
  traits: DeviceTraits,
  sizes: Sizes<'ROWS'>,
): readonly VariantChoice[] {
  const prior = kernel.variant(traits, attentionPrior(traits, sizes)).constants;
  const valuesOf = (name: 'LANES' | 'LOADS') => {
    const others = traits.isSoftware ? [] : (kernel.spec.tunables?.[name] ?? []);
    return [...new Set([prior[name] ?? 1, ...others])];
  };
  const candidates = valuesOf('LANES').flatMap((LANES) =>
    valuesOf('LOADS').map((LOADS) => ({
      conditions: { SUBGROUPS: traits.reduction === 'software' && LANES <= traits.minSubgroupSize },
      constants: { LANES, LOADS },
    })),
  );
  return candidates.filter((choice) => canRun(kernel, traits, choice));
}

/** Makes a step of the last tokens of each sequence, in full tiles. All sequences have the same numbers, in blocks of their own. */
function inventedStep({ H, D, P, ROWS }: Sizes<'H' | 'D' | 'P' | 'ROWS'>, variant: Variant): AttentionStep {
  const queries = ROWS > 1 ? ROWS * PREFILL_TILES : 1;
  const [q, k, v] = [queries, CONTEXT, CONTEXT].map((tokens) => uniforms(tokens, tokens * H * D));
  const sequence = { context: CONTEXT, queries, q: q!, k: k!, v: v! };
  const shape = { H, D, P, dtype: kvDType(variant.conditions), sums: sumsOf(variant) };
  return new AttentionStep(shape, new Array<SequenceData>(SEQUENCES).fill(sequence));
}
