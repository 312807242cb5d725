// Requests that have to end by a time, sorted by it: a turn looks at the earliest only, however many wait.
import { type Clock, systemClock } from '../core/clock.ts';
import { SortedList } from '../util/sorted-list.ts';
import type { LiveRequest } from './live-request.ts';

/** Longest time that a timer takes, in milliseconds. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * Requests that have a deadline, the nearest first. On the machine's clock a timer ends them in time even while a step
 * never comes back; on a clock of the caller's only `expire` does, so that a run in virtual time repeats itself.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #hasTimer: boolean;
  readonly #onDue: (request: LiveRequest, lateMs: number) => void;
  readonly #requests = new SortedList<LiveRequest>(isSooner);
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  /**
   * @param kind the caller's clock, which `clock` reads.
   * @param onDue Ends a request whose deadline has passed, which is no more here.
   */
  constructor(clock: Clock, kind: Clock, onDue: (request: LiveRequest, lateMs: number) => void) {
    this.#clock = clock;
    this.#hasTimer = kind === systemClock;
    this.#onDue = onDue;
  }

  /** Nothing happens for a request without a deadline. */
  add(request: LiveRequest): void {
    if (request.deadline === Number.POSITIVE_INFINITY) return;
    this.#requests.add(request);
    if (request.deadline < this.#timerAt) this.#setTimer();
  }

  /** Nothing happens for a request that is not here. */
  delete(request: LiveRequest): void {
    // A timer that rings too early does no harm.
    if (this.#requests.delete(request) && this.#requests.length === 0) this.#setTimer();
  }

  /** Ends requests whose deadline has passed. */
  expire(): void {
    if (this.#requests.length === 0) return;
    const now = this.#clock.now();
    for (let { first } = this.#requests; first !== undefined && first.deadline <= now; { first } = this.#requests) {
      this.delete(first);
      this.#onDue(first, now - first.deadline);
    }
  }

  #ring(): void {
    this.expire();
    this.#setTimer();
  }

  /** For the nearest deadline; none where there is none. */
  #setTimer(): void {
    if (!this.#hasTimer) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { first } = this.#requests;
    this.#timerAt = first?.deadline ?? Number.POSITIVE_INFINITY;
    const delay = Math.min(Math.max(Math.ceil(this.#timerAt - this.#clock.now()), 1), MAX_DELAY);
    this.#timer = first === undefined ? null : setTimeout(() => this.#ring(), delay);
  }
}

function isSooner(a: LiveRequest, b: LiveRequest): boolean {
  return a.deadline === b.deadline ? a.sequence.order < b.sequence.order : a.deadline < b.deadline;
}
