// The bell of an engine: rung by all that may give a turn work, so that a turn without any waits and does not spin.

/** Bell for a single waiter. A ring while none waits is kept for the next wait. */
export class Bell {
  #isRung = false;
  #stopWaiting: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#stopWaiting?.();
  }

  /** Waits for a ring since the last wait, or for this long. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.#isRung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, milliseconds);
      this.#stopWaiting = resolve;
      await promise;
      this.#stopWaiting = null;
      clearTimeout(timer);
    }
    this.#isRung = false;
  }
}
