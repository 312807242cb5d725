// Two parts of a variant in one. Of what both name the second wins, so a call reads in the order of the writing.
import type { VariantChoice } from './kernel-spec.ts';

/** Lays what is fixed over a choice. */
export function overlay(choice: VariantChoice, fixed: VariantChoice): Required<VariantChoice> {
  return {
    conditions: { ...choice.conditions, ...fixed.conditions },
    constants: { ...choice.constants, ...fixed.constants },
    overrides: { ...choice.overrides, ...fixed.overrides },
  };
}
