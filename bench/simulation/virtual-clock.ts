// Virtual time: when every task waits, the clock jumps to the next awaited time.
import { setImmediate } from 'node:timers/promises';
import { RoseinferError } from '../../src/util/errors.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';

/** Delays of the imitated machine. */
export interface VirtualClockOptions {
  /** Milliseconds of a pause: the work of the host between the end of one step and the submission of the next. */
  readonly pauseMs?: number;
  /** Milliseconds by which `until` is late, as a timer is. */
  readonly lateMs?: number;
  /** Turns of the event loop before time moves (1). Tasks that yield by themselves, as the engine's loop, need more. */
  readonly turns?: number;
}

/** Error of a simulation in which every task waits, but none for a time. */
class StalledError extends RoseinferError {
  constructor(time: number) {
    super(`simulation stands still at ${time} ms, expected an event`);
  }
}

/** Clock that moves from one awaited time to the next, when all tasks wait. */
export class VirtualClock implements WaitingClock {
  readonly #pauseMs: number;
  readonly #lateMs: number;
  readonly #turns: number;
  #now = 0;
  /** Awaited times, latest first; of equal ones, the one awaited last comes first. */
  readonly #events: { readonly time: number; readonly resolve: () => void }[] = [];

  constructor({ pauseMs = 0, lateMs = 0, turns = 1 }: VirtualClockOptions = {}) {
    this.#pauseMs = pauseMs;
    this.#lateMs = lateMs;
    this.#turns = turns;
  }

  now(): number {
    return this.#now;
  }

  until(time: number): Promise<void> {
    return time <= this.#now ? Promise.resolve() : this.at(time + this.#lateMs);
  }

  pause(): Promise<void> {
    return this.at(this.#now + this.#pauseMs);
  }

  /** Resolves at `time`, after those that awaited the same time before. */
  at(time: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = this.#events;
    let place = events.length;
    while (place > 0 && events[place - 1]!.time <= time) place--;
    events.splice(place, 0, { time, resolve });
    return promise;
  }

  /**
   * Advances until `work` has settled.
   *
   * @throws StalledError when `work` waits for something else than this clock; what `work` rejects with.
   */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    work.then(settle, settle);
    for (;;) {
      // Let every runnable task proceed.
      for (let turn = 0; turn < this.#turns; turn++) await setImmediate();
      if (isSettled) return work;
      const next = this.#events.pop();
      if (next === undefined) throw new StalledError(this.#now);
      this.#now = Math.max(this.#now, next.time);
      next.resolve();
    }
  }
}
