import type { DeviceTraits } from '../gpu/device.ts';
import type { ChoiceOf, Dims, VariantChoice } from '../gpu/kernel-spec.ts';
import type { attention } from '../kernels/attention/attention.ts';
import type { sample } from '../kernels/sample/sample.ts';
import { bucketOf, type MatmulChoice, type MatmulShape, priorChoice } from './matmul-tuning.ts';

/** What the variants of attention differ in besides storage and rows. */
export type AttentionChoice = Pick<ChoiceOf<(typeof attention)['spec']>, 'conditions' | 'constants'>;

/** What the variants of the sampler differ in. */
export type SampleChoice = Pick<ChoiceOf<(typeof sample)['spec']>, 'overrides'>;

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

  /** Of `matmul` or `matmul_kv_write`, for x[M, K] · w[K, N]: that of the bucket that M rows fall into (`bucketOf`). */
  matmul(kernel: string, { M, K, N }: MatmulShape): MatmulChoice {
    const rows = bucketOf(M);
    return this.#tuned.get(keyOf(kernel, { M: rows, K, N })) ?? priorChoice(this.#traits, rows);
  }

  /** Of `attention` or `attention_split`, for tiles of so many query rows. */
  attention(kernel: string, sizes: { readonly H: number; readonly ROWS: number }): AttentionChoice {
    return this.#tuned.get(keyOf(kernel, sizes)) ?? {};
  }

  /** Of `sample`, for rows of V logits. */
  sample(kernel: string, sizes: { readonly V: number }): SampleChoice {
    return this.#tuned.get(keyOf(kernel, sizes)) ?? {};
  }
}

/** What tells a choice from others: equal sizes give equal keys. */
export function keyOf(kernel: string, sizes: Dims): string {
  return [kernel, ...Object.entries(sizes).toSorted().flat()].join(' ');
}
