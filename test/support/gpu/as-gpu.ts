// A software adapter that takes the variants of a GPU: the same device, with other traits.
import type { Device } from '../../../src/gpu/device.ts';

/** Returns a device that runs on the same adapter, with the traits of a GPU without optional features. */
export function asGpu(device: Device): Device {
  const traits = { ...device.traits, isSoftware: false, minSubgroupSize: 0, timestamps: false };
  return new Proxy(device, {
    get(target, name) {
      if (name === 'traits') return traits;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
