// The plain form of the sampler, to read first: one lane goes through a row step by step, and nothing is guessed or shared.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';
import { acceptsAllowed } from './sample.ts';
import { SAMPLING_WORDS } from './sampling-row.ts';

/**
 * Draws a token from each row of logits[R, V], one lane a row: tensors and scalars are those of `sample`.
 *
 * It gives the ids of `sample`: both take the weight and the score of a token from the same functions of the same f32
 * numbers, and all that they add up are integers. WGSL lets a compiler round an expression otherwise in another shader: then
 * ids may differ, but only in rows that are not greedy, and there only where two scores lie within 1e-4 of each other or
 * a filter ends within 4e-6 of its bound.
 */
export const sampleNaive = defineKernel({
  name: 'sample_naive',
  bindings: {
    logits: read('R', 'V'),
    sampling: read.u32('R', SAMPLING_WORDS),
    next_tokens: write.i32('X'),
    sampled: write.u32('R', 2),
  },
  params: { R: 'u32', V: 'u32', allowed: 'u32' },
  overrides: () => ({ LANES: 64 }),
  accepts: acceptsAllowed,
  workgroups: ({ R }, { overrides: { LANES } }) => [ceilDiv(R, LANES), 1, 1],
  // A look for the best token and one to draw. A filter that is on looks up to 48 times more.
  cost: ({ R, V }) => ({ bytes: 4 * R * V, loads: 2 * R * V, flops: 0 }),
});
