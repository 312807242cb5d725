// Choices of variants on one adapter: those measured, and the priors of the kernels' tunings for all other sizes.
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Dims, VariantChoice } from '../gpu/kernel-spec.ts';
import type { KernelFusion } from '../kernels/kernel-fusion.ts';
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
  /** Fused kernels and sizes, by `keyOf`, where those that they stand for run. */
  readonly #apart: ReadonlySet<string>;

  /**
   * @param tuned what was measured; other sizes take the prior of the kernel's tuning.
   * @param apart fused kernels and sizes, by `keyOf`, that are not run.
   */
  constructor(traits: DeviceTraits, tuned: readonly TunedChoice[] = [], apart: Iterable<string> = []) {
    this.#traits = traits;
    this.#tuned = tuned;
    this.#apart = new Set(apart);
    this.#choices = new Map(tuned.map(({ kernel, sizes, choice }) => [keyOf(kernel, sizes), choice]));
  }

  /**
   * Makes the same choices but for some sizes.
   *
   * @param apart fused kernels and sizes, by `keyOf`, that are not to be run.
   */
  with(choices: readonly TunedChoice[], apart: readonly string[] = []): Tuning {
    return new Tuning(this.#traits, [...this.#tuned, ...choices], [...this.#apart, ...apart]);
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

  /** Tells whether a fused kernel runs at some sizes, those of their bucket, rather than those that it stands for. */
  fuses({ kernel: { name }, pays }: KernelFusion, sizes: Dims): boolean {
    const tuning = tuningOf(name);
    const bucket = tuning ? bucketed(tuning, sizes) : sizes;
    return pays(this.#traits, bucket) && !this.#apart.has(keyOf(name, bucket));
  }
}

/** Returns what tells a choice from others: equal sizes give equal keys. */
export function keyOf(kernel: string, sizes: Dims): string {
  return [kernel, ...Object.entries(sizes).toSorted().flat()].join(' ');
}
