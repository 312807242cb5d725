// Choices of variants on one adapter: those measured, and the priors of the kernels' tunings for all other sizes.
import type { DeviceTraits } from '../gpu/device.ts';
import type { Dims, VariantChoice } from '../gpu/kernel-spec.ts';
import { bucketed } from '../kernels/kernel-tuning.ts';
import { tuningOf } from '../kernels/tunings.ts';

/** Choice that was measured. */
export interface TunedChoice {
  /** Name of the kernel. */
  readonly kernel: string;
  readonly sizes: Dims;
  readonly choice: VariantChoice;
}

/** Choice of the variant that a kernel runs at some sizes on an adapter: a matter of speed only. */
export class Tuning {
  readonly #traits: DeviceTraits;
  readonly #tuned: readonly TunedChoice[];
  readonly #choices: ReadonlyMap<string, VariantChoice>;

  /** @param tuned what was measured; other sizes take the prior of the kernel's tuning. */
  constructor(traits: DeviceTraits, tuned: readonly TunedChoice[] = []) {
    this.#traits = traits;
    this.#tuned = tuned;
    this.#choices = new Map(tuned.map(({ kernel, sizes, choice }) => [keyOf(kernel, sizes), choice]));
  }

  /** Makes the same choices but for some sizes. */
  with(choices: readonly TunedChoice[]): Tuning {
    return new Tuning(this.#traits, [...this.#tuned, ...choices]);
  }

  /**
   * Chooses a variant of a kernel for some sizes, those that its tuning names: that of their bucket. A kernel without a
   * tuning has its defaults.
   */
  choose(kernel: string, sizes: Dims): VariantChoice {
    const tuning = tuningOf(kernel);
    if (tuning === null) return {};
    const bucket = bucketed(tuning, sizes);
    return this.#choices.get(keyOf(kernel, bucket)) ?? tuning.prior(this.#traits, bucket);
  }
}

/** Returns what tells a choice from others: equal sizes give equal keys. */
export function keyOf(kernel: string, sizes: Dims): string {
  return [kernel, ...Object.entries(sizes).toSorted().flat()].join(' ');
}
