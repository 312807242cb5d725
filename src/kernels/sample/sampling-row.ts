// Packing of what the sampler reads of each row: the one place that knows the words of shaders/sample_row.wgsl's `sampling`.
import type { SamplingRow } from '../../core/batch-plan.ts';
import { f32Bits } from '../../util/math.ts';
import { splitSeed } from '../../util/rng.ts';

/** Words of a row of `sampling`. */
export const SAMPLING_WORDS = 8;

/** Packs a row of `sampling`: SAMPLING_WORDS words, the seed in two of them. */
export function samplingWords(row: Omit<SamplingRow, 'adjustment' | 'logprobs'>): number[] {
  const { temperature, topK, topP, minP, seed, position, tokenSlot } = row;
  return [f32Bits(temperature), topK, f32Bits(topP), f32Bits(minP), ...splitSeed(seed), position, tokenSlot];
}
