// Limit of --max-concurrency: a queue in order of arrival.
/** Admits at most `limit` callers at a time; the others wait in order. */
export class ConcurrencyLimit {
  #numFree: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#numFree = limit;
  }

  /** Resolves when the caller has a place: to true if it had to wait for one. */
  async take(): Promise<boolean> {
    if (this.#numFree > 0) {
      this.#numFree--;
      return false;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
    return true;
  }

  /** Gives a place back. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#numFree++;
    else next();
  }
}
