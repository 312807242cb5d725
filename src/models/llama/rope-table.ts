// Table of rotary embeddings, computed on the host: WGSL's own sin and cos may be off by 2⁻¹¹. Frequencies are scaled in float64, then
// frequency and angle are rounded to f32, as in transformers: without that, far positions turn by another angle than in training.
import { RangeValueError } from '../../util/errors.ts';
import type { LlamaConfig } from './config.ts';
import type { Llama3Rope, RopeConfig, YarnRope } from './rope-config.ts';

/** Width of a ramp that would have none. */
const LEAST_RAMP = 0.001;

/**
 * Returns the table [numPositions, D]: for each position the cosines of its D/2 pairs, then their sines. Pair d consists of the
 * elements d and d + D/2 of a head.
 *
 * @throws RangeValueError for a number of `freqFactors` other than D/2.
 */
export function ropeTable(
  { rope, headDim }: Pick<LlamaConfig, 'rope' | 'headDim'>,
  numPositions: number,
): Float32Array<ArrayBuffer> {
  const numPairs = headDim / 2;
  const frequencies = Float32Array.from(ropeFrequencies(rope, headDim));
  const scale = rope.type === 'yarn' ? rope.attentionFactor : 1;
  const table = new Float32Array(numPositions * headDim);
  for (let position = 0; position < numPositions; position++) {
    const row = position * headDim;
    for (let d = 0; d < numPairs; d++) {
      const angle = Math.fround(position * frequencies[d]!);
      table[row + d] = Math.cos(angle) * scale;
      table[row + numPairs + d] = Math.sin(angle) * scale;
    }
  }
  return table;
}

/** Returns the angle of each of D/2 pairs at position 1. */
function ropeFrequencies(rope: RopeConfig, headDim: number): number[] {
  const numPairs = headDim / 2;
  const { theta, freqFactors } = rope;
  if (freqFactors !== undefined && freqFactors.length !== numPairs) {
    throw new RangeValueError('number of freqFactors', freqFactors.length, `${numPairs}, half of the head dim`);
  }
  return Array.from({ length: numPairs }, (_, pair) => {
    const plain = theta ** (-pair / numPairs);
    return scaled(rope, plain, pair, headDim) / (freqFactors?.[pair] ?? 1);
  });
}

function scaled(rope: RopeConfig, plain: number, pair: number, headDim: number): number {
  switch (rope.type) {
    case 'default':
      return plain;
    case 'linear':
      return plain / rope.factor;
    case 'llama3':
      return llama3Frequency(rope, plain);
    case 'yarn':
      return yarnFrequency(rope, plain, pair, headDim);
  }
}

/** Returns a frequency as Llama 3.1's reference code scales it: by the turns within the positions before the scaling. */
function llama3Frequency(rope: Llama3Rope, plain: number): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope;
  const turns = (originalMaxPositions * plain) / (2 * Math.PI);
  const kept = clamp((turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor));
  return kept * plain + (1 - kept) * (plain / factor);
}

/** Returns a frequency as YaRN scales it ("NTK-by-parts", section 3.2 of arXiv:2309.00071), with a ramp that is linear in the pair. */
function yarnFrequency(rope: YarnRope, plain: number, pair: number, headDim: number): number {
  const { theta, factor, originalMaxPositions, betaFast, betaSlow, truncate } = rope;
  /** The pair, in fractions, that turns so many times within the positions before the scaling. */
  const pairOf = (turns: number) => {
    return (headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  };
  const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
  const start = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, headDim - 1);
  const divided = clamp((pair - start) / (end === start ? LEAST_RAMP : end - start));
  return divided * (plain / factor) + (1 - divided) * plain;
}

/** Bounds a weight to [0, 1]. */
function clamp(weight: number): number {
  return Math.min(Math.max(weight, 0), 1);
}
