// Clock of an open loop: waits for the arrival of a request, on timers or in virtual time.
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/core/clock.ts';

/** Clock that can be waited for; a simulation has its own. */
export interface WaitingClock extends Clock {
  /** Resolves once `now()` is `time` or later; rejects with the signal's reason. */
  until(time: number, signal?: AbortSignal): Promise<void>;
  /** Resolves after all other runnable tasks have had a turn. */
  pause(): Promise<void>;
}

/** Longest wait of a timer in milliseconds; a longer one would end at once. */
export const MAX_WAIT_MS = 2 ** 31 - 1;

/** Clock and timers of the machine; waits are at most MAX_WAIT_MS. */
export const systemWaitingClock: WaitingClock = {
  ...systemClock,
  // A timer may end a little early.
  until: async (time, signal) => {
    for (let left = time - systemClock.now(); left > 0; left = time - systemClock.now()) {
      await setTimeout(left, undefined, signal && { signal });
    }
  },
  pause: () => setImmediate(),
};
