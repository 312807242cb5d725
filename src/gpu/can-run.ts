// The one question that a choice from outside, of a file or of a list of candidates, is asked before it is used.
import type { DeviceTraits } from './device-traits.ts';
import type { Kernel } from './kernel.ts';
import type { VariantChoice } from './kernel-spec.ts';

/** Returns true when a kernel has the variant that a choice means, and the device can run it. */
export function canRun(kernel: Kernel, traits: DeviceTraits, choice: VariantChoice): boolean {
  try {
    kernel.variant(traits, choice);
    return true;
  } catch {
    return false;
  }
}
