// Random choices of the fuzz tests: one seed gives one schedule, so a failure is repeated by its number.
import { uniform } from '../../src/util/rng.ts';

/** A stream of random choices that is a function of its seed. */
export class Draws {
  readonly #seed: number;
  #count = 0;

  /** `seed`: an integer in [0, 2^53). */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return uniform(this.#seed, this.#count++, 0) < p;
  }

  /** An integer in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(uniform(this.#seed, this.#count++, 0) * (max - min + 1));
  }

  /** One of the values, each as likely as the others. */
  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.integer(0, values.length - 1)] ?? values[0];
  }

  /** `count` integers in [0, end). */
  ids(length: number, end: number): number[] {
    return Array.from({ length }, () => this.integer(0, end - 1));
  }
}
