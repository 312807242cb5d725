import { constants, platform, setPriority } from 'node:os';
import type { DeviceTraits } from './device.ts';

/** The thread that asks. */
const THIS_THREAD = 0;

/**
 * Lets the threads of a software adapter go first: the calling thread gets the lowest priority. The host's work for the
 * next step fits into the pauses of this one, but a thread of the adapter that has to wait for the host's keeps all others
 * waiting at the end of its dispatch. Only Linux has priorities of threads; elsewhere, and on a GPU, this does nothing.
 *
 * Call it when the device is open: threads made later inherit the priority. Without privileges it can't be taken back, so it
 * is for commands that run a model and nothing else.
 */
export function yieldToAdapter({ isSoftware }: Pick<DeviceTraits, 'isSoftware'>): void {
  if (!isSoftware || platform() !== 'linux') return;
  try {
    setPriority(THIS_THREAD, constants.priority.PRIORITY_LOW);
  } catch {
    // Some sandboxes forbid it: a matter of speed only.
  }
}
