// Long work in slices, so that timers and sockets get their turns: the event loop is never held for longer than a slice, however
// many works there are.
import { setImmediate } from 'node:timers/promises';

/** Work that may pause wherever it yields; it returns its result. */
export type Pausable<T> = Generator<undefined, T>;

/** Longest time that work runs in a turn of the event loop, about, in milliseconds. */
const SLICE_MS = 8;

/** Runs work to its end without a pause. */
export function runWhole<T>(work: Pausable<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Turns of the event loop, each of which gives a slice to one work of all. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Runs work to its end, a slice a turn. Rejects with what it throws. */
  async run<T>(work: Pausable<T>): Promise<T> {
    for (;;) {
      await this.#next();
      const end = performance.now() + SLICE_MS;
      while (performance.now() < end) {
        const { done, value } = work.next();
        if (done) return value;
      }
    }
  }

  /** Resolves in the first turn that nobody before has taken. */
  #next(): Promise<void> {
    this.#last = this.#last.then(() => setImmediate());
    return this.#last;
  }
}
