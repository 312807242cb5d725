// A bound of what is under way at once.

/** Slots that work takes and gives back. */
export class Slots {
  readonly #num: number;
  #numTaken = 0;
  #changed = Promise.withResolvers<void>();

  constructor(num: number) {
    this.#num = num;
  }

  /** Waits for a free slot and takes it. One caller at a time. */
  async take(): Promise<void> {
    while (this.#numTaken === this.#num) await this.#changed.promise;
    this.#numTaken++;
  }

  /** Gives a slot back. */
  free(): void {
    this.#numTaken--;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Waits until all are free. */
  async allFree(): Promise<void> {
    while (this.#numTaken > 0) await this.#changed.promise;
  }
}
