// A caller's choice of a variant, merged into the kernel's defaults; a name that the kernel does not declare is refused.
import { checkKeys, isRecord, type KeyTable } from '../util/keys.ts';
import { quote } from '../util/quote.ts';
import type { DeviceTraits } from './device-traits.ts';
import { KernelError } from './errors.ts';
import type { KernelSpec, Variant, VariantChoice } from './kernel-spec.ts';
import { unknownName } from './operands.ts';

const CHOICE_KEYS: KeyTable<VariantChoice> = { conditions: true, constants: true, overrides: true };

/**
 * A kernel's defaults for a device with a choice in their places.
 *
 * @throws RangeValueError for a choice of unknown keys; KernelError for a name that the kernel does not declare, and a value
 * of another type: a text is no number, however it looks.
 */
export function mergeChoice(spec: KernelSpec, traits: DeviceTraits, choice: VariantChoice): Variant {
  checkKeys(`choice of ${spec.name}`, choice, CHOICE_KEYS);
  const { name: kernel } = spec;
  return {
    conditions: merge(kernel, 'condition', FLAG, spec.conditions?.(traits), choice.conditions),
    constants: merge(kernel, 'constant', NUMBER, spec.constants?.(traits), choice.constants),
    overrides: merge(kernel, 'override', NUMBER, spec.overrides?.(traits), choice.overrides),
  };
}

interface Kind {
  readonly what: string;
  readonly has: (value: unknown) => boolean;
}

const FLAG: Kind = { what: 'true or false', has: (value) => typeof value === 'boolean' };
const NUMBER: Kind = { what: 'a number', has: Number.isFinite };

function merge<T>(
  kernel: string,
  what: string,
  kind: Kind,
  defaults: Readonly<Record<string, T>> = {},
  choice: Readonly<Record<string, T | undefined>> = {},
): Readonly<Record<string, T>> {
  if (!isRecord(choice)) throw new KernelError(kernel, `${what}s are ${quote(choice)}, expected an object`);
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(choice)) {
    if (!Object.hasOwn(defaults, name)) throw unknownName(kernel, what, name, Object.keys(defaults));
    if (value !== undefined) merged[name] = value;
  }
  for (const [name, value] of Object.entries(merged)) {
    if (!kind.has(value)) throw new KernelError(kernel, `${what} ${name} is ${quote(value)}, expected ${kind.what}`);
  }
  return merged;
}
