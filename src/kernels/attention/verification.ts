// Verification of attention: contexts that end inside a tile and reach over splits, and queries that make a softmax flat or steep.
import type { Sizes, Variant } from '../../gpu/kernel-spec.ts';
import type { KernelVerification } from '../kernel-verification.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { type attention, type attentionSplit, NO_WINDOW } from './attention.ts';
import { AttentionStep, randomSequence, type Span, sumsOf } from './operands.ts';
import { attentionSplitTuning, attentionTuning } from './tuning.ts';

/** Decode rows, and ends of prompts whose query tiles are not full. */
const SPANS: readonly Span[] = [
  { context: 1, queries: 1 },
  { context: 33, queries: 1 },
  { context: 1030, queries: 1 },
  { context: 41, queries: 13 },
  { context: 300, queries: 11 },
];
/** Factors of the queries of the sequences, in turn: weights that are ordinary, nearly all 0, and all but equal. */
const SCALES: readonly number[] = [1, 8, 2 ** -60];

/** Window of a model that slides: of several splits, and of two groups where there are groups. */
const SLIDING_WINDOW = 600;

type ShapeSizes = Sizes<'G' | 'SHARE' | 'D' | 'P' | 'window'>;

function strainedStep({ G, SHARE, D, P, window }: ShapeSizes, variant: Variant): AttentionStep {
  const slides = window < NO_WINDOW ? { window: SLIDING_WINDOW } : {};
  const shape = { G, SHARE, D, P, dtype: kvDType(variant.conditions), sums: sumsOf(variant), ...slides };
  const sequences = SPANS.map((span, i) => {
    const sequence = randomSequence(shape, span, 10 * i);
    return { ...sequence, q: sequence.q.map((value) => value * SCALES[i % SCALES.length]!) };
  });
  return new AttentionStep(shape, sequences);
}

/** Verification of `attention`, over tiles of prompts. */
export const attentionVerification: KernelVerification<typeof attention.spec, 'G' | 'window'> = {
  tuning: attentionTuning,
  sizes: ['G', 'window'],
  operands: ({ dims, variant }) => strainedStep(dims, variant).whole(),
};

/** Verification of `attentionSplit`. */
export const attentionSplitVerification: KernelVerification<typeof attentionSplit.spec, 'G' | 'window'> = {
  tuning: attentionSplitTuning,
  sizes: ['G', 'window'],
  operands: ({ dims, variant }) => strainedStep(dims, variant).split(),
};
