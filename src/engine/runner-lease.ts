import type { Runner } from '../core/runner.ts';
import { RunnerInUseError } from './errors.ts';

/** Runners that an open engine has. */
const leased = new WeakSet<Runner>();

/** One engine's right to a runner: another engine's steps would overwrite its keys and values. */
export class RunnerLease implements Disposable {
  readonly #runner: Runner;
  #hasEnded = false;

  /** @throws RunnerInUseError while another lease of the runner has not ended. */
  constructor(runner: Runner) {
    if (leased.has(runner)) throw new RunnerInUseError();
    leased.add(runner);
    this.#runner = runner;
  }

  /** Ends the lease; idempotent. */
  [Symbol.dispose](): void {
    if (!this.#hasEnded) leased.delete(this.#runner);
    this.#hasEnded = true;
  }
}
