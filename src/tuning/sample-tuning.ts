// Choice of the sampler's variant, over rows of every kind of filter.
import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { sampleOperands } from '../kernels/sample/operands.ts';
import type { sample } from '../kernels/sample/sample.ts';
import { uploadOperands } from '../kernels/upload.ts';
import { uniforms } from '../util/random-values.ts';
import type { Tunable } from './tune-kernel.ts';

/** A row of each kind. */
const ROWS = [
  { temperature: 0, topK: 0, topP: 1, minP: 0 },
  { temperature: 1, topK: 0, topP: 1, minP: 0 },
  { temperature: 0.8, topK: 50, topP: 0.9, minP: 0 },
  { temperature: 1.2, topK: 0, topP: 0.95, minP: 0.05 },
] as const;
/** The best of the invented logits are about this. */
const BEST = 20;
/** Odd; the higher, the fewer logits come near the best: here one in a hundred is within 6 of it, as in a model's. */
const PEAKEDNESS = 31;

/** The defaults, and every other number of lanes; on a software adapter only the defaults, for barriers are dear there. */
export function sampleCandidates(kernel: typeof sample, traits: DeviceTraits): readonly VariantChoice[] {
  return traits.isSoftware ? [{}] : kernel.neighbours(traits, {});
}

/** The sampler over rows of `vocabSize` logits. */
export function tunableSample(
  device: Device,
  kernel: typeof sample,
  { vocabSize: V }: { readonly vocabSize: number },
): Tunable {
  return {
    kernel,
    fixed: {},
    sizes: [{ V }],
    candidates: () => sampleCandidates(kernel, device.traits),
    prepare: (owned) => {
      const rows = ROWS.map((filters, r) => {
        const logits = uniforms(r, V).map((value) => BEST * value ** PEAKEDNESS);
        return { ...filters, logits, seed: r, position: r };
      });
      return uploadOperands(device, owned, sampleOperands(rows));
    },
  };
}
