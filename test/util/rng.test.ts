// The counter generator against its published listing in arbitrary precision, and its uniform numbers at both ends.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashSeed, pcg4d, splitSeed, uniform, unitInterval } from '../../src/util/rng.ts';

const u32 = () => fc.nat({ max: 2 ** 32 - 1 });

/** The published listing, word for word, in arbitrary precision. */
function pcg4dBigInt(...input: [number, number, number, number]): number[] {
  const wrap = (value: bigint) => value % 2n ** 32n;
  const start = (value: number) => wrap(BigInt(value) * 1664525n + 1013904223n);
  let [x, y, z, w] = [start(input[0]), start(input[1]), start(input[2]), start(input[3])];
  const mix = () => {
    x = wrap(x + y * w);
    y = wrap(y + z * x);
    z = wrap(z + x * y);
    w = wrap(w + y * z);
  };
  mix();
  [x, y, z, w] = [x ^ (x >> 16n), y ^ (y >> 16n), z ^ (z >> 16n), w ^ (w >> 16n)];
  mix();
  return [x, y, z, w].map(Number);
}

/** Draws of 64 positions × 1024 tokens; the steps move the origin. */
function grid(seed: number, positionStep = 0, tokenStep = 0): Float64Array {
  return Float64Array.from({ length: 2 ** 16 }, (_, i) =>
    uniform(seed, (i >> 10) + positionStep, (i & 1023) + tokenStep),
  );
}

function correlation(a: Float64Array, b: Float64Array): number {
  const mean = (x: Float64Array) => x.reduce((sum, v) => sum + v, 0) / x.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = (x: Float64Array, y: Float64Array, meanX: number, meanY: number) =>
    x.reduce((sum, v, i) => sum + (v - meanX) * (y[i]! - meanY), 0);
  return covariance(a, b, meanA, meanB) / Math.sqrt(covariance(a, a, meanA, meanA) * covariance(b, b, meanB, meanB));
}

describe('pcg4d', () => {
  test.each<{ input: [number, number, number, number]; words: number[] }>([
    { input: [0, 0, 0, 0], words: [0x0f02f829, 0x2d568769, 0x32b0c43b, 0xd32548ea] },
    { input: [1, 2, 3, 4], words: [0x3622cd16, 0xf11471d8, 0xe1109b3f, 0x02b94c2f] },
    { input: [42, 0, 7, 8191], words: [0xdbd2fbe3, 0x3bddd232, 0x52172285, 0x7d8aafa2] },
    {
      input: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      words: [0x974ed892, 0xc015dc67, 0x9f955760, 0xa1bba208],
    },
  ])('gives the known words for $input', ({ input, words }) => {
    expect(pcg4d(...input)).toEqual(words);
  });

  test('equals the published listing in arbitrary precision', () => {
    fc.assert(
      fc.property(fc.tuple(u32(), u32(), u32(), u32()), (input) => {
        expect(pcg4d(...input)).toEqual(pcg4dBigInt(...input));
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

describe('splitSeed', () => {
  test.each([
    { seed: 0, words: [0, 0] },
    { seed: 2 ** 31, words: [2 ** 31, 0] },
    { seed: 2 ** 32 - 1, words: [0xffffffff, 0] },
    { seed: 2 ** 32, words: [0, 1] },
    { seed: 2 ** 53 - 1, words: [0xffffffff, 0x1fffff] },
  ])('splits $seed', ({ seed, words }) => {
    expect(splitSeed(seed)).toEqual(words);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (seed) => {
    expect(() => splitSeed(seed)).toThrow(`seed is ${seed}, expected an integer in [0, 2^53)`);
  });
});

describe('unitInterval', () => {
  test('stays inside (0, 1) at both ends and is symmetric', () => {
    expect(unitInterval(0)).toBe(2 ** -24);
    expect(unitInterval(0xffffffff)).toBe(1 - 2 ** -24);
  });

  test('is exact in f32 at every step of its computation', () => {
    fc.assert(
      fc.property(u32(), (bits) => {
        const inF32 = Math.fround(Math.fround(Math.fround(bits >>> 9) + 0.5) * 2 ** -23);
        expect(unitInterval(bits)).toBe(inF32);
      }),
      { seed: 2, numRuns: 1000, examples: [[0], [0x1ff], [0x200], [0x7fffffff], [0x80000000], [0xffffffff]] },
    );
  });
});

describe('uniform', () => {
  test('takes the first word of (seed low, seed high, position, token id)', () => {
    expect(uniform(42, 7, 8191)).toBe(unitInterval(pcg4dBigInt(42, 0, 7, 8191)[0]!));
    expect(uniform(3 * 2 ** 32 + 5, 1023, 50256)).toBe(unitInterval(pcg4dBigInt(5, 3, 1023, 50256)[0]!));
  });

  test.each([
    { what: 'token ids', draw: (i: number) => uniform(1, 5, i) },
    { what: 'positions', draw: (i: number) => uniform(1, i, 5) },
    { what: 'seeds', draw: (i: number) => uniform(i, 5, 5) },
    { what: 'high words of the seed', draw: (i: number) => uniform(i * 2 ** 32, 5, 5) },
  ])('fills 256 buckets evenly over $what', ({ draw }) => {
    const draws = 2 ** 17;
    const counts = new Float64Array(256);
    let sum = 0;
    for (let i = 0; i < draws; i++) {
      const u = draw(i);
      sum += u;
      counts[Math.floor(u * 256)]! += 1;
    }
    // Five standard deviations: 1/√12 for one draw; √(2 · 255) for χ² of 255 degrees of freedom. Fixed draws, so no flakes.
    expect(Math.abs(sum / draws - 0.5)).toBeLessThan(5 / Math.sqrt(12 * draws));
    const expected = draws / 256;
    const chiSquare = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * Math.sqrt(2 * 255));
  });

  test.each([
    { what: 'seeds', neighbour: grid(8) },
    { what: 'high words of the seed', neighbour: grid(7 + 2 ** 32) },
    { what: 'positions', neighbour: grid(7, 1) },
    { what: 'token ids', neighbour: grid(7, 0, 1) },
  ])('is uncorrelated between neighbouring $what', ({ neighbour }) => {
    // The correlation of n independent pairs has standard deviation 1/√n.
    expect(Math.abs(correlation(grid(7), neighbour))).toBeLessThan(5 / Math.sqrt(neighbour.length));
  });
});

describe('hashSeed', () => {
  test('gives distinct integers in [0, 2^53), of which half use the top bit, over 10^5 indices', () => {
    const seeds = Array.from({ length: 1e5 }, (_, index) => hashSeed(0, index));
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
    expect(new Set(seeds).size).toBe(1e5);
    // Five standard deviations of a binomial count: 5 · √(1e5 / 4) = 791.
    expect(Math.abs(seeds.filter((seed) => seed >= 2 ** 52).length - 5e4)).toBeLessThan(791);
  });

  test('depends on both words of the seed', () => {
    expect(new Set([hashSeed(1, 0), hashSeed(2, 0), hashSeed(1 + 2 ** 32, 0)]).size).toBe(3);
  });
});
