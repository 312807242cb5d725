// Random numbers of a benchmark: a stream per purpose, so that one more draw for one of them moves no other.
import { uniform } from '../../src/util/rng.ts';

/** Purpose of random numbers. */
export type DrawPurpose = 'arrivals' | 'input lengths' | 'output lengths' | 'step times' | 'resamples';

const PURPOSES: readonly DrawPurpose[] = ['arrivals', 'input lengths', 'output lengths', 'step times', 'resamples'];

/** Random numbers that depend on seed and purpose alone. */
export class RandomStream {
  readonly #seed: number;
  readonly #purpose: number;
  #count = 0;

  /** @throws RangeValueError unless `seed` is an integer in [0, 2^53). */
  constructor(seed: number, purpose: DrawPurpose) {
    this.#seed = seed;
    this.#purpose = PURPOSES.indexOf(purpose);
  }

  /** Draws a number in (0, 1). */
  uniform(): number {
    return uniform(this.#seed, this.#count++, this.#purpose);
  }

  /** Draws an integer in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.uniform() * (max - min + 1));
  }

  /**
   * Draws from the normal distribution of mean 0 and variance 1 (Box and Muller, "A Note on the Generation of Random
   * Normal Deviates", 1958).
   */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /**
   * Draws from the gamma distribution of mean and variance `shape` (Marsaglia and Tsang, "A Simple Method for
   * Generating Gamma Variables", ACM TOMS 26(3), 2000; below shape 1 by their section 6).
   */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(this.uniform()) < x ** 2 / 2 + d * (1 - v + Math.log(v))) return d * v;
    }
  }
}
