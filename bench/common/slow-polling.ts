// Slow polls around a measurement by the adapter's own clock: its results may be noticed late, and polls without a pause would take
// a core from a software adapter. A GPU is polled without a pause: while it idled for a timer, its clock would fall.
import type { DeviceTraits } from '../../src/gpu/device-traits.ts';
import { PollGovernor } from '../../src/gpu/poll-governor.ts';

/** Runs `work`; on a software adapter, polls for its readbacks come a millisecond apart. */
export async function pollSlowly<T>(
  { isSoftware }: Pick<DeviceTraits, 'isSoftware'>,
  work: () => Promise<T>,
): Promise<T> {
  return isSoftware ? await new PollGovernor(0).during(work) : await work();
}
