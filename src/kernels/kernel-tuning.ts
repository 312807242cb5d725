// Contract of a kernel's tuning: which sizes its fastest variant depends on, which variants are measured, and on which
// operands. The tuner takes the sizes from a model's dispatches and knows no kernel by itself.
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dims, KernelSpec, Sizes, VariantChoice } from '../gpu/kernel-spec.ts';
import type { DispatchOf } from './examination.ts';
import type { KernelOperands } from './kernel-case.ts';

/** Tuning of a kernel whose variants give the same bits; `Names` are the sizes that choices are made by. */
export interface KernelTuning<S extends KernelSpec = KernelSpec, Names extends string = string> {
  /** The library's; another of its declaration is tuned alike. */
  readonly kernel: Kernel<S>;
  /** Shape letters and constants: a choice is kept for each combination of their sizes. */
  readonly sizes: readonly Names[];
  /** Sizes that share a choice, ascending: one takes that of the first bucket that holds it, else of the last. */
  readonly buckets?: { readonly [Name in Names]?: readonly number[] };
  /** Conditions and constants of a dispatch that all candidates share, such as types of storage. */
  readonly fixed: readonly string[];
  /** Chooses for sizes that nothing was measured at; what the choice leaves out is the kernel's default. */
  prior(traits: DeviceTraits, sizes: Sizes<Names>): VariantChoice;
  /** Lists the choices to measure, the prior first. */
  candidates(kernel: Kernel, traits: DeviceTraits, sizes: Sizes<Names>): readonly VariantChoice[];
  /** Invents operands for a dispatch of a model, whose sizes are those of their buckets. */
  operands(dispatch: Pick<DispatchOf<S>, 'dims' | 'variant'>): KernelOperands<S>;
}

/** Returns the sizes that a choice is kept for in place of some sizes: the bucket of each. */
export function bucketed({ buckets = {} }: Pick<KernelTuning, 'buckets'>, sizes: Dims): Dims {
  const entries = Object.entries(sizes).map(([name, size]) => [name, bucketOf(buckets[name] ?? [size], size)]);
  return Object.fromEntries(entries);
}

/** Returns the first bucket that holds a size, or else the last; buckets ascend. */
export function bucketOf(buckets: readonly number[], size: number): number {
  return buckets.find((bucket) => bucket >= size) ?? Math.max(...buckets);
}
