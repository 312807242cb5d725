// Variants of a kernel that doctor and kernel benchmark go through, by name: the base, the model's, their neighbours.
import type { DeviceTraits } from './device-traits.ts';
import type { Kernel } from './kernel.ts';
import type { Variant, VariantChoice } from './kernel-spec.ts';
import { overlay } from './overlay.ts';
import { labelOf } from './variant-label.ts';

/** A variant of a kernel to be checked or timed. */
export interface NamedVariant {
  /** Kernel and variant, as on the GPU's objects. */
  readonly label: string;
  /** The one that needs no optional feature of WebGPU. */
  readonly isBase: boolean;
  /** A model takes it on this adapter. */
  readonly usedByModel: boolean;
  readonly choice: Variant;
}

/**
 * The base variant of a kernel, then those that a model takes on this adapter, each once.
 *
 * @param fixed what all of them share, e.g. the storage type of the weights.
 * @param model what the model chooses besides.
 */
export function modelVariants(
  kernel: Kernel,
  traits: DeviceTraits,
  fixed: VariantChoice = {},
  model: readonly VariantChoice[] = [{}],
): NamedVariant[] {
  const base = kernel.base(traits, fixed);
  const chosen = model.map((choice) => kernel.variant(traits, overlay(choice, fixed)));
  const used = new Set(chosen.map((choice) => labelOf(kernel.name, choice)));
  return distinct(kernel, [base, ...chosen]).map(([label, choice], i) => {
    return { label, choice, isBase: i === 0, usedByModel: used.has(label) };
  });
}

/** As `modelVariants`, and then the first two of them with one tunable at a time set to each value. */
export function allVariants(
  kernel: Kernel,
  traits: DeviceTraits,
  fixed?: VariantChoice,
  model?: readonly VariantChoice[],
): NamedVariant[] {
  const known = modelVariants(kernel, traits, fixed, model);
  const tuned = known.slice(0, 2).flatMap(({ choice }) => kernel.neighbours(traits, choice));
  const possible = tuned.map((choice) => kernel.variant(traits, choice));
  const others = distinct(kernel, possible).filter(([label]) => known.every((variant) => variant.label !== label));
  return [...known, ...others.map(([label, choice]) => ({ label, choice, isBase: false, usedByModel: false }))];
}

/** Variants by label, in their order. */
function distinct(kernel: Kernel, variants: readonly Variant[]): [string, Variant][] {
  return [...new Map(variants.map((variant) => [labelOf(kernel.name, variant), variant]))];
}
