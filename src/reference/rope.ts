// Rotary embeddings in float64, but for frequencies and angles, which are f32 as in transformers: far positions turn by angles of
// thousands, and their rounding is a part of what a model was trained with.

import { RangeValueError } from '../util/errors.ts';
import { type Check, count, countOrNone, flag } from '../util/option-checks.ts';
import { checkArray, checkComplete, finite, optional, sizes } from './checks.ts';

const round = Math.fround;

/** Rotary settings; what each number means stands with the configuration of the models. */
export type ReferenceRope = { readonly theta: number; readonly freqFactors?: readonly number[] } & (
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
      readonly attentionFactor: number;
    }
);

const EVEN: Check = {
  expected: 'an even integer ≥ 0',
  accepts: (value) => countOrNone.accepts(value) && Number(value) % 2 === 0,
};
const FACTORS: Check = {
  expected: 'a list of numbers',
  accepts: (value) => Array.isArray(value) && value.every(Number.isFinite),
};
const COMMON = { theta: finite, type: { expected: 'a text', accepts: () => true }, freqFactors: optional(FACTORS) };
/** Settings of each type. */
const SETTINGS: Readonly<Record<ReferenceRope['type'], Readonly<Record<string, Check>>>> = {
  default: COMMON,
  linear: { ...COMMON, factor: finite },
  llama3: { ...COMMON, factor: finite, lowFreqFactor: finite, highFreqFactor: finite, originalMaxPositions: finite },
  yarn: {
    ...COMMON,
    factor: finite,
    originalMaxPositions: finite,
    betaFast: finite,
    betaSlow: finite,
    truncate: flag,
    attentionFactor: finite,
  },
};

/**
 * Checks rotary settings.
 *
 * @throws RangeValueError for settings that are none.
 */
export function checkRope(rope: ReferenceRope): void {
  const checks = Object.entries(SETTINGS).find(([type]) => type === rope?.type)?.[1];
  if (!checks) throw new RangeValueError('type of rope', rope?.type, `one of ${Object.keys(SETTINGS).join(', ')}`);
  checkComplete<object>('rope', rope, checks);
}

/**
 * Turns each head of x[T, heads, D], of the positions from `start` on, in place: elements d and d + D/2 are a pair.
 *
 * @throws RangeValueError for an array, settings or sizes that are none.
 */
export function rotate(
  x: Float64Array,
  rope: ReferenceRope,
  dims: { T: number; heads: number; D: number; start: number },
): void {
  checkComplete('dims of rotate', dims, { ...sizes('T', 'start'), heads: count, D: EVEN });
  const { T, heads, D, start } = dims;
  checkRope(rope);
  checkArray('rotate x', x, T * heads * D);
  const frequencies = frequenciesOf(rope, D);
  const length = rope.type === 'yarn' ? rope.attentionFactor : 1;
  for (let t = 0; t < T; t++) {
    for (const [d, frequency] of frequencies.entries()) {
      const angle = round((start + t) * frequency);
      const [cos, sin] = [length * Math.cos(angle), length * Math.sin(angle)];
      for (let head = 0; head < heads; head++) {
        const first = (t * heads + head) * D + d;
        const second = first + D / 2;
        const [a, b] = [x[first]!, x[second]!];
        x[first] = a * cos - b * sin;
        x[second] = b * cos + a * sin;
      }
    }
  }
}

/** Angle of each pair at position 1, by the published formulas, each operation in f32. */
function frequenciesOf(rope: ReferenceRope, D: number): number[] {
  const { theta, freqFactors } = rope;
  const exponents = Float32Array.from({ length: D / 2 }, (_, d) => (2 * d) / D);
  const periods = exponents.map((exponent) => theta ** exponent);
  const frequencies = scale(rope, [...periods], D);
  return frequencies.map((frequency, d) => round(frequency / (freqFactors?.[d] ?? 1)));
}

function scale(rope: ReferenceRope, periods: readonly number[], D: number): number[] {
  const plain = periods.map((period) => round(1 / period));
  if (rope.type === 'default') return plain;
  const factor = round(rope.factor);
  if (rope.type === 'linear') return plain.map((frequency) => round(frequency / factor));
  const { originalMaxPositions: positions } = rope;
  if (rope.type === 'llama3') {
    const { lowFreqFactor: low, highFreqFactor: high } = rope;
    return plain.map((frequency) => {
      const wavelength = round(round(2 * Math.PI) / frequency);
      if (wavelength < round(positions / high)) return frequency;
      if (wavelength > round(positions / low)) return round(frequency / factor);
      const smooth = round(round(round(positions / wavelength) - round(low)) / round(high - low));
      const divided = round(round(round(1 - smooth) * frequency) / factor);
      return round(divided + round(smooth * frequency));
    });
  }
  const { theta, betaFast, betaSlow, truncate } = rope;
  // The pair of which `turns` wavelengths fill the original positions: theta^(2d/D) · 2π · turns = positions.
  const pairOf = (turns: number) => ((D / 2) * Math.log(positions / (2 * Math.PI * turns))) / Math.log(theta);
  const from = Math.max(0, truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast));
  const to = Math.min(D - 1, truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow));
  return periods.map((period, d) => {
    const ramp = round(round(d - round(from)) / round(to === from ? 0.001 : to - from));
    const kept = round(1 - Math.min(1, Math.max(0, ramp)));
    const divided = round(1 / round(factor * period));
    return round(round(divided * round(1 - kept)) + round(plain[d]! * kept));
  });
}
