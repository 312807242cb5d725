// A change to the whole process, such as a global that is replaced: it has no single owner, so whoever needs it holds it.

/** A change that is in force while anyone holds it: the first makes it, the last takes it back. */
export class SharedChange {
  readonly #make: () => () => void;
  #numHolders = 0;
  #takeBack: (() => void) | null = null;

  /** @param make makes the change, and returns what takes it back. */
  constructor(make: () => () => void) {
    this.#make = make;
  }

  /** Holds the change until the returned hold is disposed of; a hold ends once, however often that happens. */
  hold(): Disposable {
    this.#takeBack ??= this.#make();
    this.#numHolders++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        if (--this.#numHolders > 0) return;
        const takeBack = this.#takeBack;
        this.#takeBack = null;
        takeBack?.();
      },
    };
  }
}
