// The progress of a transfer as a line: bytes, their rate, and the time left once there is a rate to tell it by.
import { formatBytes } from '../runtime/memory-plan.ts';

/** Milliseconds between two lines: a terminal is slower than a transfer. */
const LINE_MS = 100;
/** Milliseconds after which the rate counts. */
const SETTLE_MS = 1000;

/** Progress of one transfer, by the clock that it is given, in milliseconds. */
export class TransferProgress {
  readonly #now: () => number;
  #begin: { readonly time: number; readonly bytes: number } | null = null;
  #lastLine = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Describes where the transfer is; null where the last line is too young. */
  describe(done: number, total: number): string | null {
    const time = this.#now();
    this.#begin ??= { time, bytes: done };
    if (time - this.#lastLine < LINE_MS) return null;
    this.#lastLine = time;
    const elapsed = time - this.#begin.time;
    const size = `${formatBytes(done)} of ${formatBytes(total)}`;
    const rate = (1000 * (done - this.#begin.bytes)) / elapsed;
    if (elapsed < SETTLE_MS || rate === 0) return size;
    return `${size} · ${formatBytes(Math.round(rate))}/s · ${Math.ceil((total - done) / rate)} s left`;
  }
}
