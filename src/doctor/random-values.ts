import { pcg4d } from '../util/rng.ts';

/** Numbers of mean 0 and variance `scale`², uniform, a pure function of the seed; f32, or exact in f16 too. */
export function randomValues(seed: number, length: number, scale = 1, storage: 'f32' | 'f16' = 'f32'): Float32Array {
  const out = new Float32Array(length);
  // A uniform number on [−½, ½) has the variance 1/12.
  const width = scale * Math.sqrt(12);
  for (let i = 0; i < length; i += 4) {
    const words = pcg4d(seed, i, 0, 0);
    for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = (words[j]! / 2 ** 32 - 0.5) * width;
  }
  return storage === 'f32' ? out : new Float32Array(new Float16Array(out));
}
