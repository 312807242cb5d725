// The values of a variant that say who computes what, and never what is computed.
import type { Kernel } from '../gpu/kernel.ts';
import type { Variant, VariantChoice } from '../gpu/kernel-spec.ts';
import { filterEntries } from '../util/filter-entries.ts';

/** Tells whether a value of a kernel's variants is a matter of speed only: a tunable, or the use of subgroups. */
export function isMatterOfSpeed({ spec }: Kernel, name: string): boolean {
  return name === 'SUBGROUPS' || Object.hasOwn(spec.tunables ?? {}, name);
}

/** Returns what decides the results of a variant: all but matters of speed. */
export function matterOfResult(kernel: Kernel, { conditions, constants, overrides }: Variant): VariantChoice {
  const decides = (name: string) => !isMatterOfSpeed(kernel, name);
  return {
    conditions: filterEntries(conditions, decides),
    constants: filterEntries(constants, decides),
    overrides: filterEntries(overrides, decides),
  };
}
