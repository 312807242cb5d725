// Delays of the event loop: how late a timer was, over the time since the last look.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
const NS_PER_SECOND = 1e9;

/** Delays in seconds. */
export interface LoopDelays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Meter of the delays of the event loop. */
export class LoopDelay implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** Delays since the last look, beyond the interval of the meter itself. */
  take(): LoopDelays {
    const seconds = (ns: number) => Math.max(ns / NS_PER_SECOND - RESOLUTION_MS / 1000, 0);
    const { max } = this.#histogram;
    const delays = {
      p50: seconds(this.#histogram.percentile(50)),
      p99: seconds(this.#histogram.percentile(99)),
      max: seconds(max),
    };
    this.#histogram.reset();
    return delays;
  }

  [Symbol.dispose](): void {
    this.#histogram.disable();
  }
}
