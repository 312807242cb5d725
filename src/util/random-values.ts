// Random operands: pure functions of a seed, over the one generator of rng.ts.

import { uniform } from './rng.ts';

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
