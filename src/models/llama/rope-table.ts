// Table of rotary embeddings, computed on the host: WGSL's own sin and cos may be off by 2⁻¹¹. Frequencies and angles are computed in
// f32, operation for operation as transformers does in training: at position 100,000 a frequency's rounding is 0.01 of an angle.
import { RangeValueError } from '../../util/errors.ts';
import type { LlamaConfig } from './config.ts';
import type { Llama3Rope, RopeConfig, YarnRope } from './rope-config.ts';

const f32 = Math.fround;

/** Name of the table among those of the model. */
export const ROPE_TABLE = 'rope';

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
  const frequencies = ropeFrequencies(rope, headDim);
  const scale = rope.type === 'yarn' ? rope.attentionFactor : 1;
  const table = new Float32Array(numPositions * headDim);
  for (let position = 0; position < numPositions; position++) {
    const row = position * headDim;
    for (let d = 0; d < numPairs; d++) {
      const angle = f32(position * frequencies[d]!);
      table[row + d] = Math.cos(angle) * scale;
      table[row + numPairs + d] = Math.sin(angle) * scale;
    }
  }
  return table;
}

/** Returns the angle of each of D/2 pairs at position 1, in f32. */
function ropeFrequencies(rope: RopeConfig, headDim: number): number[] {
  const numPairs = headDim / 2;
  const { theta, freqFactors } = rope;
  if (freqFactors !== undefined && freqFactors.length !== numPairs) {
    throw new RangeValueError('number of freqFactors', freqFactors.length, `${numPairs}, half of the head dim`);
  }
  return Array.from({ length: numPairs }, (_, pair) => {
    const period = f32(theta ** f32((2 * pair) / headDim));
    return f32(scaledFrequency(rope, period, pair, headDim) / (freqFactors?.[pair] ?? 1));
  });
}

/** Returns the frequency of a pair whose period, without scaling, is 2π · `period` positions. */
function scaledFrequency(rope: RopeConfig, period: number, pair: number, headDim: number): number {
  const plain = f32(1 / period);
  switch (rope.type) {
    case 'default':
      return plain;
    case 'linear':
      return f32(plain / f32(rope.factor));
    case 'llama3':
      return llama3Frequency(rope, plain);
    case 'yarn':
      return yarnFrequency(rope, period, pair, headDim);
  }
}

/** Returns a frequency as Llama 3.1's reference code scales it: by its wavelength. */
function llama3Frequency(rope: Llama3Rope, plain: number): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope;
  const wavelength = f32(f32(2 * Math.PI) / plain);
  if (wavelength < f32(originalMaxPositions / highFreqFactor)) return plain;
  if (wavelength > f32(originalMaxPositions / lowFreqFactor)) return f32(plain / f32(factor));
  const turns = f32(originalMaxPositions / wavelength);
  const kept = f32(f32(turns - f32(lowFreqFactor)) / f32(highFreqFactor - lowFreqFactor));
  return f32(f32(f32(f32(1 - kept) * plain) / f32(factor)) + f32(kept * plain));
}

/** Returns a frequency as YaRN scales it ("NTK-by-parts", section 3.2 of arXiv:2309.00071), with a ramp that is linear in the pair. */
function yarnFrequency(rope: YarnRope, period: number, pair: number, headDim: number): number {
  const { theta, factor, originalMaxPositions, betaFast, betaSlow, truncate } = rope;
  /** The pair, in fractions, that turns so often within the positions before the scaling. */
  const pairOf = (turns: number) => {
    return (headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  };
  const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
  const start = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, headDim - 1);
  const ramp = f32(f32(pair - f32(start)) / f32(end === start ? LEAST_RAMP : end - start));
  const kept = f32(1 - Math.min(Math.max(ramp, 0), 1));
  const divided = f32(1 / f32(f32(factor) * period));
  return f32(f32(divided * f32(1 - kept)) + f32(f32(1 / period) * kept));
}
