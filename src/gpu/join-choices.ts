import type { Variant, VariantChoice } from './kernel-spec.ts';

/** A choice within what is fixed. */
export function joinChoices(choice: VariantChoice, fixed: VariantChoice): Variant {
  return {
    conditions: { ...choice.conditions, ...fixed.conditions },
    constants: { ...choice.constants, ...fixed.constants },
    overrides: { ...choice.overrides, ...fixed.overrides },
  };
}
