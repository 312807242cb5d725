type ImmediateCallback = (...args: unknown[]) => void;

/** Share of the expected wait that is slept at once; the rest is polled, so that a short step is not noticed late. */
const SLEPT_SHARE = 0.85;
/**
 * Milliseconds of an expected wait from which on polls come a timer apart: the next step is queued, so that a result may be
 * noticed that late, and polls without a pause would take a core from a software adapter.
 */
const LONG_WAIT = 4;
/** Waits that are remembered; the shortest of them is expected next, for one slow step says nothing of the others. */
const REMEMBERED = 4;
/** A timer can't wait less, in milliseconds. */
const SHORTEST_TIMER = 1;

/**
 * Keeps Dawn from polling in a tight loop while a readback is pending. Dawn's Node binding re-arms
 * `globalThis.setImmediate` at every poll, which takes a whole core: on a software adapter, half of the "GPU". While a
 * readback is pending the governor stands in for `setImmediate` and puts Dawn's own callbacks (native functions without
 * arguments) to sleep for most of the time that steps have been taking, and between the polls after that where steps are
 * long; all other callers get the real one.
 *
 * This is the one place that touches a global; only the benchmark and the command line switch it on.
 */
export class PollGovernor {
  readonly #real = globalThis.setImmediate;
  #pending = 0;
  #waitingSince = 0;
  readonly #waits: number[] = [];
  readonly #longWait: number;

  /** @param longWait milliseconds of an expected wait from which on polls come a timer apart; 0 for each, also an unknown one. */
  constructor(longWait = LONG_WAIT) {
    this.#longWait = longWait;
  }

  /** A readback begins. */
  begin(): void {
    if (this.#pending++ > 0) return;
    this.#waitingSince = performance.now();
    globalThis.setImmediate = Object.assign(this.#immediate, this.#real);
  }

  /** A readback has settled. */
  end(): void {
    const now = performance.now();
    this.#waits.push(now - this.#waitingSince);
    if (this.#waits.length > REMEMBERED) this.#waits.shift();
    this.#waitingSince = now;
    if (--this.#pending === 0) globalThis.setImmediate = this.#real;
  }

  readonly #immediate = (callback: ImmediateCallback, ...args: unknown[]): NodeJS.Immediate => {
    const expected = this.#waits.length < REMEMBERED ? 0 : Math.min(...this.#waits);
    const left = this.#waitingSince + SLEPT_SHARE * expected - performance.now();
    const sleep = expected < this.#longWait ? left : Math.max(left, SHORTEST_TIMER);
    if (sleep < SHORTEST_TIMER || args.length > 0 || !isNative(callback)) return this.#real(callback, ...args);
    setTimeout(callback, Math.floor(sleep));
    return PARKED;
  };
}

/** What the caller gets for a callback that sleeps; Dawn ignores it. */
const PARKED = setImmediate(() => {});

/** A function of a native module. Bound functions and promise resolvers print alike, but have no prototype. */
function isNative(callback: ImmediateCallback): boolean {
  return Object.hasOwn(callback, 'prototype') && Function.prototype.toString.call(callback).includes('[native code]');
}
