// Variants of a kernel: the full one that a choice means, and the one enumeration of the values of its tunables.
import type { DeviceTraits } from './device-traits.ts';
import { KernelError } from './errors.ts';
import type { KernelSpec, Variant, VariantChoice } from './kernel-spec.ts';
import { mergeChoice } from './merge-choice.ts';

/**
 * Completes a choice by the kernel's defaults for a device.
 *
 * @throws KernelError for a name that the kernel does not declare, a value of another type or not among those of a tunable,
 * and a variant that the device can't run; RangeValueError for a choice of unknown keys.
 */
export function completeVariant(spec: KernelSpec, traits: DeviceTraits, choice: VariantChoice): Variant {
  const variant = mergeChoice(spec, traits, choice);
  for (const [name, allowed] of tunablesOf(spec)) {
    const value = variant[kindOf(variant, name)][name];
    if (value !== undefined && allowed.includes(value)) continue;
    throw new KernelError(spec.name, `${name} is ${value}, expected one of ${allowed.join(', ')}`);
  }
  const wrong = spec.supports?.(variant, traits);
  if (wrong) throw new KernelError(spec.name, wrong);
  return variant;
}

/** Makes every combination of the values of the tunables that a device can run. */
export function combinations(spec: KernelSpec, traits: DeviceTraits): VariantChoice[] {
  const defaults = mergeChoice(spec, traits, {});
  let choices: VariantChoice[] = [{}];
  for (const [name, values] of tunablesOf(spec)) {
    const kind = kindOf(defaults, name);
    choices = choices.flatMap((choice) => values.map((value) => withTunable(choice, kind, name, value)));
  }
  return choices.filter((choice) => !spec.supports?.(mergeChoice(spec, traits, choice), traits));
}

/** Makes the choices that differ from another in one tunable and that a device can run, the other one first. */
export function neighboursOf(spec: KernelSpec, traits: DeviceTraits, choice: VariantChoice): VariantChoice[] {
  const variant = mergeChoice(spec, traits, choice);
  const others = tunablesOf(spec).flatMap(([name, values]) => {
    const kind = kindOf(variant, name);
    const otherValues = values.filter((value) => value !== variant[kind][name]);
    return otherValues.map((value) => withTunable(choice, kind, name, value));
  });
  return [choice, ...others.filter((other) => !spec.supports?.(mergeChoice(spec, traits, other), traits))];
}

function tunablesOf({ tunables = {} }: KernelSpec): [string, readonly number[]][] {
  return Object.entries(tunables).flatMap(([name, values]) => (values === undefined ? [] : [[name, values]]));
}

type NumberKind = 'constants' | 'overrides';

function kindOf(variant: Variant, name: string): NumberKind {
  return Object.hasOwn(variant.constants, name) ? 'constants' : 'overrides';
}

function withTunable(choice: VariantChoice, kind: NumberKind, name: string, value: number): VariantChoice {
  return { ...choice, [kind]: { ...choice[kind], [name]: value } };
}
