/** Lets so many in at a time; the others wait in order. */
export class ConcurrencyLimit {
  #numFree: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#numFree = limit;
  }

  /** Resolves when there is a place, which is the caller's then; returns whether the caller had to wait. */
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
