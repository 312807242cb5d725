// Distributions of f32 inputs that tell a right kernel from one that is right on ordinary numbers only. Each is a pure function of a
// seed.
import { normals, uniforms } from '../util/random-values.ts';
import { uniform } from '../util/rng.ts';

/** Rows of numbers: of a tensor, `width` is its last size. */
export interface RowsShape {
  readonly rows: number;
  readonly width: number;
}

type Make = (seed: number, shape: RowsShape, scale: number) => Float32Array;

const OUTLIER = 1000;
/** Distance of f32 numbers below 2^-126, of which there are 2^23 − 1. */
const SMALLEST = 2 ** -149;
const NUM_SUBNORMALS = 2 ** 23 - 1;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Calls of `uniform` for the same element: the second word of its counter. */
const SIGN = 2;
const SIZE = 3;
const PLACE = 4;

/** Makers of inputs by name. */
export const DISTRIBUTIONS = {
  normal: (seed, { rows, width }, scale) => normals(seed, rows * width, scale),
  uniform: (seed, { rows, width }, scale) => uniforms(seed, rows * width, scale),
  /** Normal, and one element of each row times 1,000. */
  outliers: (seed, { rows, width }, scale) => {
    const x = normals(seed, rows * width, scale);
    for (let row = 0; row < rows && width > 0; row++) x[row * width + placeIn(seed, row, width)]! *= OUTLIER;
    return x;
  },
  /** One normal number for each row: its variance is 0. */
  'constant rows': (seed, { rows, width }, scale) => {
    const values = normals(seed, rows, scale);
    return fill(rows * width, (i) => values[Math.floor(i / width)]!);
  },
  /** Below the smallest normal f32, which an adapter may flush to zero. */
  denormals: (seed, { rows, width }, scale) =>
    fill(rows * width, (i) => scale * sign(seed, i) * SMALLEST * Math.ceil(uniform(seed, i, SIZE) * NUM_SUBNORMALS)),
  /** 0 and −0. */
  zeros: (seed, { rows, width }) => fill(rows * width, (i) => 0 * sign(seed, i)),
  /** 2^40 to 2^60, of either sign: squares are still finite, and so are sums of 128 of them. */
  huge: (seed, { rows, width }, scale) =>
    fill(rows * width, (i) => scale * sign(seed, i) * 2 ** (40 + 20 * uniform(seed, i, SIZE))),
  /** −400 to −200: exp is 0, and a maximum that starts at 0 stays there. */
  negative: (seed, { rows, width }, scale) => fill(rows * width, (i) => -scale * (200 + 200 * uniform(seed, i, SIZE))),
  /** About 1 and −1 in turns: sums cancel. */
  alternating: (seed, { rows, width }, scale) => {
    const steps = normals(seed, rows * width, 2 ** -10);
    return steps.map((step, i) => scale * ((i % width) % 2 === 0 ? 1 : -1) * (1 + step));
  },
  /** Normal, rounded to halves: many are equal, the greatest and the least, too. */
  ties: (seed, { rows, width }, scale) =>
    normals(seed, rows * width).map((value) => (scale * Math.round(2 * value)) / 2),
  /** Normal, and one NaN. */
  NaN: (seed, { rows, width }, scale) => {
    const x = normals(seed, rows * width, scale);
    if (x.length > 0) x[placeIn(seed, 0, x.length)] = Number.NaN;
    return x;
  },
  /** Normal, and one ∞ and one −∞. */
  infinities: (seed, { rows, width }, scale) => {
    const x = normals(seed, rows * width, scale);
    const place = placeIn(seed, 0, x.length);
    if (x.length > 0) x[place] = Number.POSITIVE_INFINITY;
    if (x.length > 1) x[(place + 1) % x.length] = Number.NEGATIVE_INFINITY;
    return x;
  },
  /** The largest f32, of either sign: sums and products are infinite. */
  largest: (seed, { rows, width }) => fill(rows * width, (i) => LARGEST * sign(seed, i)),
} as const satisfies Readonly<Record<string, Make>>;

/** Name of a distribution of f32 inputs. */
export type Distribution = keyof typeof DISTRIBUTIONS;

function fill(length: number, elementAt: (index: number) => number): Float32Array {
  return Float32Array.from({ length }, (_, i) => elementAt(i));
}

function sign(seed: number, index: number): number {
  return uniform(seed, index, SIGN) < 0.5 ? -1 : 1;
}

function placeIn(seed: number, row: number, width: number): number {
  return Math.floor(uniform(seed, row, PLACE) * width);
}
