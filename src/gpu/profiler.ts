// One measured run of a program, for scripts; the engine measures its steps by the same timer.
import { checkDevice } from './check-device.ts';
import type { Device } from './device.ts';
import { type KernelTime, KernelTimer } from './kernel-timer.ts';
import type { Program } from './program.ts';

/** GPU time of all dispatches of one variant. */
export interface KernelTotal {
  readonly label: string;
  readonly dispatches: number;
  readonly nanoseconds: number;
}

/**
 * Runs a program once, with all its effects, and measures each dispatch in a pass of its own. What overlaps inside one pass
 * does not here, so the times may add up to more than the program takes.
 *
 * @returns one entry a dispatch, in the program's order.
 * @throws GpuError when the device has no timestamps or reports an error; DeviceLostError.
 */
export async function profile(device: Device, program: Program): Promise<KernelTime[]> {
  checkDevice(device);
  const read = await device.checked(`${program.label} (profile)`, () => {
    const encoder = device.gpu.createCommandEncoder({ label: program.label });
    const times = new KernelTimer(device).encodeEach(encoder, program);
    device.gpu.queue.submit([encoder.finish()]);
    return times;
  });
  return read();
}

/** Times by label, the longest first. */
export function totalTimes(times: readonly Pick<KernelTime, 'label' | 'nanoseconds'>[]): KernelTotal[] {
  const totals = new Map<string, KernelTotal>();
  for (const { label, nanoseconds } of times) {
    const known = totals.get(label) ?? { label, dispatches: 0, nanoseconds: 0 };
    const { dispatches } = known;
    totals.set(label, { label, dispatches: dispatches + 1, nanoseconds: known.nanoseconds + nanoseconds });
  }
  return [...totals.values()].sort((a, b) => b.nanoseconds - a.nanoseconds);
}
