// A probe of an adapter's best for benchmarks: polled slowly on a software adapter, and refused where its gigabyte would be swapped.
import { freemem } from 'node:os';
import type { Device } from '../../src/gpu/device.ts';
import { GpuError } from '../../src/gpu/errors.ts';
import { READ_BYTES, RooflineProbe } from '../../src/timing/roofline-probe.ts';
import { pollSlowly } from './slow-polling.ts';

/** Makes a probe. @throws GpuError when the device has no timestamps, or no room. */
export async function openProbe(device: Device): Promise<RooflineProbe> {
  if (device.traits.isSoftware && freemem() < READ_BYTES) {
    throw new GpuError('probes', `${freemem()} bytes of memory are free, expected ${READ_BYTES} to read from`);
  }
  return await pollSlowly(device.traits, () => RooflineProbe.create(device));
}
