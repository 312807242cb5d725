// The lanes of a workgroup, read from the text that the driver gets: a kernel's declaration does not state them.

import type { Dims } from '../../src/gpu/kernel-spec.ts';
import { RangeValueError } from '../../src/util/errors.ts';

/**
 * Reads the size of a one-dimensional workgroup: a number, an override, or a constant of the text.
 *
 * @throws RangeValueError for a text that states none.
 */
export function lanesOf(wgsl: string, overrides: Dims): number {
  let size = /@workgroup_size\((\w+)\)/.exec(wgsl)?.[1] ?? 'none';
  while (!/^\d+u?$/.test(size)) {
    const value = overrides[size] ?? new RegExp(`\\bconst ${size}\\b[^=]*= (\\w+);`).exec(wgsl)?.[1];
    if (value === undefined) throw new RangeValueError('@workgroup_size', size, 'a number, an override or a constant');
    size = String(value);
  }
  return Number.parseInt(size, 10);
}
