// Quick table of checks: what a mutant of a shader must fail.
import type { Device } from '../../../src/gpu/device.ts';
import type { Replace } from '../replace.ts';

/** Checks of some kernels, and the shaders that these start from. */
export interface Table {
  readonly shaders: readonly string[];
  /** Throws where a kernel is wrong. */
  check(device: Device, replace: Replace): Promise<void>;
}
