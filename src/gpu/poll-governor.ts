// How the host polls for a readback. Dawn re-arms `globalThis.setImmediate` at every poll, so this is the one place that
// touches a global: it is replaced while some readback is pending, and put back with the last.
import { SharedChange } from './shared-change.ts';

type ImmediateCallback = (...args: unknown[]) => void;

/** Share of the expected wait that is slept at once; the rest is polled, so that a short step is not noticed late. */
const SLEPT_SHARE = 0.85;
/** Most milliseconds between two polls: a step that is shorter than those before it is noticed that late. */
const LONGEST_SLEEP = 20;
/**
 * Milliseconds of an expected wait from which on polls come a timer apart: the next step is queued, so that a result may be
 * noticed that late, and polls without a pause would take a core from a software adapter.
 */
const LONG_WAIT = 4;
/** Waits that are remembered; the shortest of them is expected next, since one slow step says nothing of the others. */
const REMEMBERED = 4;
/** Shortest wait of a timer, in milliseconds. */
const SHORTEST_TIMER = 1;

/** Governors with a pending readback. A poll does not say to which of them it belongs. */
const waiting = new Set<PollGovernor>();
const standIn = new SharedChange(replaceSetImmediate);

/**
 * Keeps Dawn from polling in a tight loop while a readback is pending, which takes a whole core: on a software adapter, half
 * of the "GPU". Dawn's own callbacks (native functions without arguments) are put to sleep for most of the time that steps
 * have been taking, and between the polls after that where steps are long; all others go to the real `setImmediate`.
 */
export class PollGovernor {
  #numPending = 0;
  #waitingSince = 0;
  readonly #waits: number[] = [];
  readonly #longWait: number;

  /** @param longWait milliseconds of an expected wait from which on polls come a timer apart; 0 for each, also an unknown one. */
  constructor(longWait = LONG_WAIT) {
    this.#longWait = longWait;
  }

  /** Governs the polls until a readback has settled; settles as it does. */
  async during<T>(readback: () => Promise<T>): Promise<T> {
    using _held = standIn.hold();
    if (this.#numPending++ === 0) this.#waitingSince = performance.now();
    waiting.add(this);
    try {
      return await readback();
    } finally {
      this.#remember(performance.now());
      if (--this.#numPending === 0) waiting.delete(this);
    }
  }

  /** Milliseconds until the next poll for this governor's readbacks; less than a timer can wait for a poll at once. */
  get sleep(): number {
    const expected = this.#waits.length < REMEMBERED ? 0 : Math.min(...this.#waits);
    const left = this.#waitingSince + SLEPT_SHARE * expected - performance.now();
    return Math.min(expected < this.#longWait ? left : Math.max(left, SHORTEST_TIMER), LONGEST_SLEEP);
  }

  #remember(now: number): void {
    this.#waits.push(now - this.#waitingSince);
    if (this.#waits.length > REMEMBERED) this.#waits.shift();
    this.#waitingSince = now;
  }
}

/**
 * Replaces `setImmediate` by the stand-in; returns a function that restores it, unless others have replaced it since.
 */
function replaceSetImmediate(): () => void {
  const real = globalThis.setImmediate;
  const immediate = (callback: ImmediateCallback, ...args: unknown[]): NodeJS.Immediate => {
    if (args.length > 0 || !isNative(callback)) return real(callback, ...args);
    const sleep = Math.min(...[...waiting].map((governor) => governor.sleep));
    // A caller that has kept the stand-in beyond the last readback gets the real one.
    if (waiting.size === 0 || sleep < SHORTEST_TIMER) return real(callback, ...args);
    setTimeout(callback, Math.floor(sleep));
    return PARKED;
  };
  const replacement = Object.assign(immediate, real);
  globalThis.setImmediate = replacement;
  return () => {
    if (globalThis.setImmediate === replacement) globalThis.setImmediate = real;
  };
}

/** Result for the caller of a callback that sleeps; Dawn ignores it. */
const PARKED = setImmediate(() => {});

/** A function of a native module. Bound functions and promise resolvers print alike, but have no prototype. */
function isNative(callback: ImmediateCallback): boolean {
  return Object.hasOwn(callback, 'prototype') && Function.prototype.toString.call(callback).includes('[native code]');
}
