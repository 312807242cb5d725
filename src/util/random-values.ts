// Random operands: pure functions of a seed, over the one generator of rng.ts.
import { pcg4d, splitSeed, uniform, unitInterval } from './rng.ts';

/** Makes uniform numbers in (−scale, scale), a pure function of the seed; four numbers a hash, so that large weights are quick. */
export function uniforms(seed: number, length: number, scale = 1): Float32Array {
  const [lo, hi] = splitSeed(seed);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i += 4) {
    const words = pcg4d(lo, hi, i, 0);
    for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = scale * (2 * unitInterval(words[j]!) - 1);
  }
  return out;
}

/** Makes standard normal numbers times `scale` (Box and Muller 1958), a pure function of the seed. */
export function normals(seed: number, length: number, scale = 1): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(uniform(seed, i, 0)));
    return scale * radius * Math.cos(2 * Math.PI * uniform(seed, i, 1));
  });
}

/** Makes the numbers 0 … length − 1 in a random order of the seed (Fisher and Yates). */
export function permutation(seed: number, length: number): number[] {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(uniform(seed, i, 0) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
