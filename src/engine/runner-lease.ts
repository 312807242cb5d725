// The lease of a runner, by the identity of the object: a second engine on it would overwrite its cache.
import { type Lease, RunnerInUseError } from '../core/lease.ts';
import type { Runner } from '../core/runner.ts';

/** Runners that an open engine has. */
const leased = new WeakSet<Runner>();

/** The lease of a runner from the start of an engine to the end of its `close`. */
export class RunnerLease implements Lease, Disposable {
  readonly #runner: Runner;
  #isHeld = true;

  /** @throws RunnerInUseError while another lease of the runner has not ended. */
  constructor(runner: Runner) {
    if (leased.has(runner)) throw new RunnerInUseError();
    leased.add(runner);
    this.#runner = runner;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Ends the lease; idempotent. */
  [Symbol.dispose](): void {
    if (this.#isHeld) leased.delete(this.#runner);
    this.#isHeld = false;
  }
}
