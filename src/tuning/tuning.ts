import type { DeviceTraits } from '../gpu/device.ts';
import type { Dims, VariantChoice } from '../gpu/kernel-spec.ts';
import { bucketOf, priorChoice } from './matmul-tuning.ts';

/** A choice that was measured. */
export interface TunedChoice {
  /** Name of the kernel. */
  readonly kernel: string;
  readonly sizes: Dims;
  readonly choice: VariantChoice;
}

/** Which variant of a kernel runs at which sizes on an adapter: a matter of speed only. */
export class Tuning {
  readonly #traits: DeviceTraits;
  readonly #tuned: ReadonlyMap<string, VariantChoice>;

  /** @param tuned what was measured. Without a measurement matmuls take `priorChoice`, other kernels their defaults. */
  constructor(traits: DeviceTraits, tuned: readonly TunedChoice[] = []) {
    this.#traits = traits;
    this.#tuned = new Map(tuned.map(({ kernel, sizes, choice }) => [keyOf(kernel, sizes), choice]));
  }

  /**
   * Choice of a kernel for some sizes. Those of a matmul have an M: they take the choice of the bucket that M rows fall into
   * (`bucketOf`), or `priorChoice`.
   */
  choose(kernel: string, sizes: Dims): VariantChoice {
    if (sizes.M === undefined) return this.#tuned.get(keyOf(kernel, sizes)) ?? {};
    const M = bucketOf(sizes.M);
    return this.#tuned.get(keyOf(kernel, { ...sizes, M })) ?? priorChoice(this.#traits, M);
  }
}

/** What tells a choice from others: equal sizes give equal keys. */
export function keyOf(kernel: string, sizes: Dims): string {
  return [kernel, ...Object.entries(sizes).toSorted().flat()].join(' ');
}
