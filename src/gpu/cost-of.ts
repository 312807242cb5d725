// Work of a dispatch by its sizes alone: no device is needed to know it.
import { PLAIN_TRAITS } from './device-traits.ts';
import { KernelError } from './errors.ts';
import type { Cost, Dims, KernelSpec, VariantChoice } from './kernel-spec.ts';
import { mergeChoice } from './merge-choice.ts';

/**
 * Computes the cost that a kernel states.
 *
 * @throws KernelError that names a size that it needs and did not get, and for a kernel that states none.
 */
export function costOf(spec: KernelSpec, dims: Dims, choice: VariantChoice): Cost {
  if (!spec.cost) throw new KernelError(spec.name, 'states no cost');
  const variant = mergeChoice(spec, PLAIN_TRAITS, choice);
  const required = new Proxy<Dims>(
    { ...variant.constants, ...spec.defaults, ...dims },
    {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (value === undefined) throw new KernelError(spec.name, `cost needs the size ${String(key)}`);
        return value;
      },
    },
  );
  return spec.cost(required, variant);
}
