// Priorities of the host's threads beside a software adapter, whose threads share the processor with them.
import { constants, getPriority, platform, setPriority } from 'node:os';
import { SharedChange } from './shared-change.ts';

/** Thread id that means the calling thread. */
const THIS_THREAD = 0;

/**
 * Lets the threads of a software adapter go first: the calling thread gets the lowest priority. The host's work for the
 * next step fits into the pauses of this one, but a thread of the adapter that has to wait for the host's keeps all others
 * waiting at the end of its dispatch. Only Linux has priorities of threads; elsewhere, and on a GPU, this does nothing.
 *
 * Call it when the device is open: threads made later inherit the priority. Without privileges it can't be taken back, so it
 * is for commands that run a model and nothing else.
 */
export function yieldToAdapter({ isSoftware }: { readonly isSoftware: boolean }): void {
  if (!isSoftware || platform() !== 'linux') return;
  try {
    setPriority(THIS_THREAD, constants.priority.PRIORITY_LOW);
  } catch {
    // Some sandboxes forbid it: a matter of speed only.
  }
}

/**
 * Lowest priority for the calling thread while any readback of a software adapter is pending. Unlike `yieldToAdapter`
 * it is restored, so it is in force only where the system lets a thread do that. Threads and processes that are started
 * meanwhile inherit it.
 */
export const lowPriority = new SharedChange(() => {
  if (platform() !== 'linux') return () => {};
  try {
    const own = getPriority(THIS_THREAD);
    // Only a thread that may exceed its own priority may come back to it: else this throws, and changes nothing.
    setPriority(THIS_THREAD, own - 1);
    setPriority(THIS_THREAD, constants.priority.PRIORITY_LOW);
    return () => setPriority(THIS_THREAD, own);
  } catch {
    return () => {};
  }
});
