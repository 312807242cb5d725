// Tuning of the sampler by the size of the vocabulary, over rows of every kind of filter.
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { VariantChoice } from '../../gpu/kernel-spec.ts';
import { uniforms } from '../../util/random-values.ts';
import type { KernelTuning } from '../kernel-tuning.ts';
import { sampleOperands } from './operands.ts';
import { sample } from './sample.ts';

/** A row of each kind. */
const ROWS = [
  { temperature: 0, topK: 0, topP: 1, minP: 0 },
  { temperature: 1, topK: 0, topP: 1, minP: 0 },
  { temperature: 0.8, topK: 50, topP: 0.9, minP: 0 },
  { temperature: 1.2, topK: 0, topP: 0.95, minP: 0.05 },
] as const;
/** Bound of the invented logits. */
const BEST = 20;
/** Odd exponent; the higher, the fewer logits come near the best: here one in a hundred is within 6 of it, as in a model's. */
const PEAKEDNESS = 31;

/** Tuning of `sample`. */
export const sampleTuning: KernelTuning<typeof sample.spec, 'V'> = {
  kernel: sample,
  sizes: ['V'],
  fixed: [],
  prior: () => ({}),
  candidates: sampleCandidates,
  operands: ({ dims: { V } }) => {
    const rows = ROWS.map((filters, r) => {
      const logits = uniforms(r, V).map((value) => BEST * value ** PEAKEDNESS);
      return { ...filters, logits, seed: r, position: r };
    });
    return sampleOperands(rows);
  },
};

/** Lists the defaults, and every other number of lanes; on a software adapter only the defaults, for barriers are dear there. */
export function sampleCandidates(kernel: Kernel, traits: DeviceTraits): readonly VariantChoice[] {
  return traits.isSoftware ? [{}] : kernel.neighbours(traits, {});
}
