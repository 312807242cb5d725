// The loop of an engine's steps, which all callers that wait for a request share.
import { setImmediate } from 'node:timers/promises';

/** Turns that are to be taken. */
export interface Turns {
  /** True while there is a turn to take. */
  readonly hasUnfinished: boolean;
  /** Takes a turn. */
  step(): Promise<boolean>;
}

/** The loop while it runs, for others to join. */
export class StepLoop {
  readonly #turns: Turns;
  #running: Promise<void> | null = null;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Takes turns until nothing is unfinished; joins the loop where it runs. Rejects with the first fault of a turn. */
  run(): Promise<void> {
    if (this.#turns.hasUnfinished) this.#running ??= this.#runAll();
    return this.#running ?? Promise.resolve();
  }

  /**
   * Starts the loop for a caller that waits for its request. A fault ends the request, which reports it, so the loop's
   * own rejection is ignored. Only a new loop gets a handler: on one that runs for long, handlers would pile up.
   */
  start(): void {
    if (this.#running === null) this.run().catch(() => {});
  }

  /** Goes on after a fault: requests made since then have joined the loop. */
  async #runAll(): Promise<void> {
    const faults: unknown[] = [];
    while (this.#turns.hasUnfinished) {
      // Timers, sockets and signals get a turn before each step, and requests that come together start together.
      await setImmediate();
      try {
        await this.#turns.step();
      } catch (fault) {
        if (faults.length === 0) faults.push(fault);
      }
    }
    this.#running = null;
    if (faults.length > 0) throw faults[0];
  }
}
