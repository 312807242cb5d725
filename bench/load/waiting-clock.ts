import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/core/clock.ts';

/** A clock that can be waited for; a simulation has its own. */
export interface WaitingClock extends Clock {
  /** Resolves once `now()` is `time` or later; rejects with the signal's reason. */
  until(time: number, signal?: AbortSignal): Promise<void>;
  /** Resolves when everybody else who can do something has had a turn. */
  pause(): Promise<void>;
}

/** The longest wait of a timer; it rings at once when it is to wait longer. */
export const MAX_WAIT_MS = 2 ** 31 - 1;

/** The machine's clock and timers: waits are up to MAX_WAIT_MS. */
export const systemWaitingClock: WaitingClock = {
  ...systemClock,
  // A timer may ring a little early.
  until: async (time, signal) => {
    for (let left = time - systemClock.now(); left > 0; left = time - systemClock.now()) {
      await setTimeout(left, undefined, signal && { signal });
    }
  },
  pause: () => setImmediate(),
};
