// Rounding of a group of weights to the codes of a quantized storage type: one scale, and in q4 one minimum, for all of it.

/** Storage of weights in groups: signed bytes, or values of four bits. */
export type QuantizedDType = 'q8' | 'q8_32' | 'q4';

/** Scale and minimum of a group: its weights are code · scale − minimum, in one rounding to f32. */
export interface GroupScales {
  readonly scale: number;
  readonly minimum: number;
}

/** Largest byte; −128 is not used, so that the steps lie evenly about 0. */
const MAX_BYTE = 127;
/** Largest value of four bits. */
const MAX_NIBBLE = 15;
/** Significant bits of a scale: with the 7 of a byte they fit f32's 24, so that code · scale is exact. */
const SCALE_BITS = 16;
/** log2 of f32's smallest number. */
const MIN_EXPONENT = -149;
/** Range of a group from which on products of codes may leave that of f32. */
const END_RANGE = 2 ** 127;
/** Fits of scale and minimum to the codes before them: a fourth one takes hardly any error off. */
const NUM_FITS = 3;

/**
 * Rounds a group.
 *
 * @param codes receives the code of each value.
 * @returns scale and minimum, NaN where a value is NaN or ∞, or q4's values lie 2^127 apart.
 */
export function roundGroup(dtype: QuantizedDType, values: Float32Array, codes: Int8Array): GroupScales {
  return dtype === 'q4' ? roundToNibbles(values, codes) : roundToBytes(values, codes);
}

/** Computes a weight of its code: f64 holds the difference until its one rounding, or rounds off what f32 can't hold either. */
export function weightOf(code: number, { scale, minimum }: GroupScales): number {
  return Math.fround(code * scale - minimum);
}

/** Takes the least scale of SCALE_BITS that makes a byte of the largest magnitude. */
function roundToBytes(values: Float32Array, codes: Int8Array): GroupScales {
  let max = 0;
  for (const value of values) max = Math.max(max, Math.abs(value));
  const scale = roundScale(max / MAX_BYTE, Math.ceil);
  // The code is 0 where the scale is 0 or NaN.
  for (let i = 0; i < values.length; i++) codes[i] = Math.round(values[i]! / scale) || 0;
  return { scale, minimum: 0 };
}

/**
 * Takes the steps that spread from the least to the largest value, then fits scale and minimum to the codes by least squares, as
 * long as that takes off error.
 */
function roundToNibbles(values: Float32Array, codes: Int8Array): GroupScales {
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  codes.fill(0);
  if (!(largest - least < END_RANGE)) return { scale: Number.NaN, minimum: Number.NaN };
  let best: GroupScales = { scale: roundScale((largest - least) / MAX_NIBBLE, Math.ceil), minimum: -least };
  if (best.scale === 0) return best;
  let error = takeCodes(values, best, codes);
  const fitted = new Int8Array(codes.length);
  for (let fit = 0; fit < NUM_FITS; fit++) {
    const scales = fitScales(values, codes);
    if (!(scales.scale > 0)) break;
    const fittedError = takeCodes(values, scales, fitted);
    if (!(fittedError < error)) break;
    best = scales;
    error = fittedError;
    codes.set(fitted);
  }
  return best;
}

/** Takes the nearest code of each value. @returns the sum of the squares of their errors. */
function takeCodes(values: Float32Array, { scale, minimum }: GroupScales, codes: Int8Array): number {
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const code = Math.min(Math.max(Math.round((values[i]! + minimum) / scale), 0), MAX_NIBBLE);
    codes[i] = code;
    error += (code * scale - minimum - values[i]!) ** 2;
  }
  return error;
}

/** Fits scale and minimum to codes by least squares; the scale is NaN where all codes are one. */
function fitScales(values: Float32Array, codes: Int8Array): GroupScales {
  let [sumCode, sumSquare, sumValue, sumProduct] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const [code, value] = [codes[i]!, values[i]!];
    sumCode += code;
    sumSquare += code * code;
    sumValue += value;
    sumProduct += code * value;
  }
  const count = values.length;
  const slope = (count * sumProduct - sumCode * sumValue) / (count * sumSquare - sumCode * sumCode);
  const scale = roundScale(slope, Math.round);
  return { scale, minimum: Math.fround((scale * sumCode - sumValue) / count) };
}

/** Rounds a scale to SCALE_BITS. */
function roundScale(scale: number, round: (value: number) => number): number {
  const unit = 2 ** Math.max(Math.floor(Math.log2(scale)) + 1 - SCALE_BITS, MIN_EXPONENT);
  return round(scale / unit) * unit;
}
