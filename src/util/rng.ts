/**
 * Counter-based random numbers: a value is a pure function of its counter, so the order of draws never matters. All
 * integer steps are u32 and every uniform is exact in f32, so the shader's twin gives the same bits.
 */
import { RangeValueError } from './errors.ts';

const TWO_32 = 2 ** 32;

/**
 * Fourth counter word of `hashSeed`. No token id reaches it, so derived seeds never meet the noise of `uniform`.
 */
const SEED_DOMAIN = 0xffffffff;

/**
 * PCG4D: four u32 words hashed to four u32 words (Jarzynski and Olano, "Hash Functions for GPU Rendering", Journal of
 * Computer Graphics Techniques 9(3), 2020). Inputs are taken modulo 2^32.
 */
export function pcg4d(x: number, y: number, z: number, w: number): [number, number, number, number] {
  let a = (Math.imul(x, 1664525) + 1013904223) | 0;
  let b = (Math.imul(y, 1664525) + 1013904223) | 0;
  let c = (Math.imul(z, 1664525) + 1013904223) | 0;
  let d = (Math.imul(w, 1664525) + 1013904223) | 0;
  a = (a + Math.imul(b, d)) | 0;
  b = (b + Math.imul(c, a)) | 0;
  c = (c + Math.imul(a, b)) | 0;
  d = (d + Math.imul(b, c)) | 0;
  a ^= a >>> 16;
  b ^= b >>> 16;
  c ^= c >>> 16;
  d ^= d >>> 16;
  a = (a + Math.imul(b, d)) | 0;
  b = (b + Math.imul(c, a)) | 0;
  c = (c + Math.imul(a, b)) | 0;
  d = (d + Math.imul(b, c)) | 0;
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

/**
 * The low and high u32 word of a seed.
 *
 * @throws RangeValueError unless `seed` is an integer in [0, 2^53).
 */
export function splitSeed(seed: number): [lo: number, hi: number] {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeValueError('seed', seed, 'an integer in [0, 2^53)');
  return [seed % TWO_32, Math.floor(seed / TWO_32)];
}

/**
 * The top 23 bits of a u32 as the centre of one of 2^23 equal cells of (0, 1): the least value is 2^-24, the greatest
 * 1 − 2^-24. With a 24th bit the centres would need 25 significant bits, and f32 would round the greatest to 1.
 */
export function unitInterval(bits: number): number {
  return ((bits >>> 9) + 0.5) * 2 ** -23;
}

/** Uniform number in (0, 1), exact in f32, of one token at one absolute position of the sequence with this seed. */
export function uniform(seed: number, position: number, tokenId: number): number {
  const [lo, hi] = splitSeed(seed);
  return unitInterval(pcg4d(lo, hi, position, tokenId)[0]);
}

/** Seed of request (or fork) `index` of a batch that was given `seed`: an integer in [0, 2^53); `index` is a u32. */
export function hashSeed(seed: number, index: number): number {
  const [lo, hi] = splitSeed(seed);
  const [low, high] = pcg4d(lo, hi, index, SEED_DOMAIN);
  return (high >>> 11) * TWO_32 + low;
}

/** Draws a random seed, an integer in [0, 2^53). */
export function drawSeed(): number {
  const [bits] = crypto.getRandomValues(new BigUint64Array(1));
  return Number(bits! >> 11n);
}
