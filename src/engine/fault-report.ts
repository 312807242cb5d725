// Faults of functions that a caller gave: reported once, since a function that fails at every step would flood the log.
import process from 'node:process';
import { messageOf } from '../util/message-of.ts';

/**
 * Reports the first fault of a caller's function by a warning of the process. The engine goes on: an
 * observer must not end a request.
 */
export class FaultReport {
  readonly #name: string;
  #hasReported = false;

  /** @param name of the function, as the caller knows it. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Takes what was thrown; all but the first is dropped. */
  add(error: unknown): void {
    if (this.#hasReported) return;
    this.#hasReported = true;
    process.emitWarning(
      `${this.#name} failed: ${messageOf(error)} (told once; requests are not affected)`,
      'RoseinferWarning',
    );
  }
}
