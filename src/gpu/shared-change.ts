// A change to the whole process, such as a replaced global: it has no single owner, so each user holds it for as long
// as it needs it.

/** A change that is in force while it is held and not paused: the first holder makes it, the last undoes it. */
export class SharedChange {
  readonly #make: () => () => void;
  #numHolds = 0;
  #numPauses = 0;
  #takeBack: (() => void) | null = null;

  /** @param make makes the change, and returns a function that undoes it. */
  constructor(make: () => () => void) {
    this.#make = make;
  }

  /** Holds the change until the returned object is disposed of. */
  hold(): Disposable {
    this.#numHolds++;
    return this.#until(() => this.#numHolds--);
  }

  /** Undoes the change, for all holders, until the returned object is disposed of. */
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
