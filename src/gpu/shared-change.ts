// A change to the whole process, such as a global that is replaced: it has no single owner, so whoever needs it holds it.

/** A change that is in force while anyone holds it, and nobody has it paused: the first makes it, the last takes it back. */
export class SharedChange {
  readonly #make: () => () => void;
  #numHolds = 0;
  #numPauses = 0;
  #takeBack: (() => void) | null = null;

  /** @param make makes the change, and returns what takes it back. */
  constructor(make: () => () => void) {
    this.#make = make;
  }

  /** Holds the change until what is returned is disposed of. */
  hold(): Disposable {
    this.#numHolds++;
    return this.#until(() => this.#numHolds--);
  }

  /** Takes the change back, for all, until what is returned is disposed of. */
  pause(): Disposable {
    this.#numPauses++;
    return this.#until(() => this.#numPauses--);
  }

  /** Ends once, however often it is disposed of. */
  #until(end: () => void): Disposable {
    try {
      this.#update();
    } catch (error) {
      end();
      throw error;
    }
    let hasEnded = false;
    return {
      [Symbol.dispose]: () => {
        if (hasEnded) return;
        hasEnded = true;
        end();
        this.#update();
      },
    };
  }

  #update(): void {
    const isWanted = this.#numHolds > 0 && this.#numPauses === 0;
    if (isWanted) this.#takeBack ??= this.#make();
    if (isWanted || this.#takeBack === null) return;
    const takeBack = this.#takeBack;
    this.#takeBack = null;
    takeBack();
  }
}
