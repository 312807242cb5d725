import { setImmediate } from 'node:timers/promises';
import { RoseinferError } from '../../src/util/errors.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';

export interface VirtualClockOptions {
  /** Milliseconds that a pause takes: what the host does between the end of one step and the submission of the next. */
  readonly pauseMs?: number;
  /** Milliseconds by which `until` is late, as a timer is. */
  readonly lateMs?: number;
  /** Turns of the event loop that everybody gets before time moves; 1. A loop that gives turns away itself, such as the engine's own, needs more. */
  readonly turns?: number;
}

/** Everybody waits for a time that nothing brings. */
class StalledError extends RoseinferError {
  constructor(time: number) {
    super(`simulation stands still at ${time} ms, expected an event`);
  }
}

/** A clock that moves only from one awaited time to the next, when everybody waits. */
export class VirtualClock implements WaitingClock {
  readonly #pauseMs: number;
  readonly #lateMs: number;
  readonly #turns: number;
  #now = 0;
  /** Latest first; of equal times, the one asked for last comes first. */
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

  /** Resolves when it is `time`, behind whoever asked for that time before. */
  at(time: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = this.#events;
    let place = events.length;
    while (place > 0 && events[place - 1]!.time <= time) place--;
    events.splice(place, 0, { time, resolve });
    return promise;
  }

  /**
   * Lets time pass until `work` has settled.
   *
   * @throws StalledError when it waits for something else than this clock; what `work` rejects with.
   */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    work.then(settle, settle);
    for (;;) {
      // Whoever can go on does.
      for (let turn = 0; turn < this.#turns; turn++) await setImmediate();
      if (isSettled) return work;
      const next = this.#events.pop();
      if (next === undefined) throw new StalledError(this.#now);
      this.#now = Math.max(this.#now, next.time);
      next.resolve();
    }
  }
}
