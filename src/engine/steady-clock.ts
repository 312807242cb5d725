// A guard around a caller's clock: deadlines and timings rely on time that never goes back.
import type { Clock } from '../core/clock.ts';
import { RangeValueError } from '../util/errors.ts';
import { FaultReport } from './fault-report.ts';

/** A caller's clock, held to what a clock promises: where it throws, gives no number or goes back, time stands still. */
export class SteadyClock implements Clock {
  readonly #clock: Clock;
  readonly #faults = new FaultReport('now() of the clock');
  #latest: number;

  /** @throws RangeValueError for a clock whose first time is no finite number. */
  constructor(clock: Clock) {
    const now: unknown = clock.now();
    if (typeof now !== 'number' || !Number.isFinite(now))
      throw new RangeValueError('clock.now()', now, 'a finite number');
    this.#clock = clock;
    this.#latest = now;
  }

  /** Never throws. */
  now(): number {
    try {
      const now = this.#clock.now();
      if (!Number.isFinite(now)) throw new RangeValueError('time', now, 'a finite number');
      this.#latest = Math.max(this.#latest, now);
    } catch (error) {
      this.#faults.add(error);
    }
    return this.#latest;
  }
}
