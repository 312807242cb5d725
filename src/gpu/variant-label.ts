// Names of variants: labels of GPU objects, keys of compiled variants, lines of reports.
import type { Variant } from './kernel-spec.ts';

/** Name of a variant: `matmul[GELU W_F16 ROWS=8 LANES=32]`; the kernel's own where it has none. */
export function labelOf(kernel: string, variant: Variant): string {
  const on = Object.entries(variant.conditions).flatMap(([name, value]) => (value ? [name] : []));
  const numbers = Object.entries({ ...variant.constants, ...variant.overrides }).map(([name, n]) => `${name}=${n}`);
  const parts = [...on, ...numbers];
  return parts.length === 0 ? kernel : `${kernel}[${parts.join(' ')}]`;
}
