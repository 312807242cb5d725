/** Time as the engine sees it: the machine's clock, or a simulator's. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
}

/** The machine's monotonic clock. */
export const systemClock: Clock = { now: () => performance.now() };
