// The sampler: one workgroup draws the token of a row, with or without leaving the probabilities that it drew from.
import type { DeviceTraits } from '../../gpu/device-traits.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { SAMPLING_WORDS } from './sampling-row.ts';

const bindings = {
  logits: read('R', 'V'),
  sampling: read.u32('R', SAMPLING_WORDS),
  next_tokens: write.i32('X'),
  sampled: write.u32('R', 2),
};
const params = { V: 'u32', allowed: 'u32' } as const;

/** Logits that a lane loads before it uses one: on a processor the loop costs more than a wait. */
function constants({ isSoftware }: DeviceTraits) {
  return { LOADS: isSoftware ? 1 : 32 };
}

function overrides({ isSoftware }: DeviceTraits) {
  return { LANES: isSoftware ? 8 : 256 };
}

/** Refuses `allowed` beyond the vocabulary. @returns the fault, or null. */
export function acceptsAllowed({ V, allowed }: Sizes<'V' | 'allowed'>): string | null {
  return allowed >= 1 && allowed <= V ? null : `allowed is ${allowed}, expected 1 to V = ${V}`;
}

/**
 * Draws a token from each row of logits[R, V], in the order temperature, top-k, top-p, min-p, among the ids below
 * `allowed`. sampling[R, 8] holds temperature (f32 bits), topK, topP, minP (f32 bits), seed (low and high word), position
 * and tokenSlot of each row, as in SamplingRow; 0, 0, 1, 0 switch the first four off, and temperature 0 is greedy.
 *
 * sampled[R, 2] gets the id and 1, or 0 and 0 where a logit of the row is not finite; next_tokens[tokenSlot] gets the id.
 * The noise is that of src/util/rng.ts. A row's id depends on its own logits and parameters only, not on LANES or R.
 */
export const sample = defineKernel({
  name: 'sample',
  bindings,
  params,
  conditions: () => ({ PROBS: false }),
  constants,
  overrides,
  tunables: { LANES: [8, 32, 64, 256] },
  accepts: acceptsAllowed,
  workgroups: ({ R }) => [R, 1, 1],
  // The most likely token takes one look at each logit. What a filter or a draw takes besides depends on the logits.
  cost: ({ R, V }) => ({ bytes: 4 * R * V, flops: 0 }),
});

/** As `sample`, and leaves in probs[R, V] the distribution that each row was drawn from; zeros where it is not finite. */
export const sampleProbs = defineKernel({
  name: 'sample_probs',
  shader: 'sample',
  bindings: { ...bindings, probs: write('R', 'V') },
  params,
  conditions: () => ({ PROBS: true }),
  constants,
  overrides,
  tunables: { LANES: [8, 32, 64, 256] },
  accepts: acceptsAllowed,
  workgroups: ({ R }) => [R, 1, 1],
  // As for `sample`, two more looks, and about 20 operations for an exponential.
  cost: ({ R, V }) => ({ bytes: 8 * R * V, loads: 3 * R * V, flops: 20 * R * V }),
});
