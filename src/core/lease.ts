import { RoseinferError } from '../util/errors.ts';

/**
 * One engine's right to a runner: another engine's steps would overwrite its keys and values. Every plan carries it, so
 * that a runner knows its engine through whatever wraps it.
 */
export interface Lease {
  /** Whether the engine has not closed. */
  readonly isHeld: boolean;
}

/** A runner that another open engine has. */
export class RunnerInUseError extends RoseinferError {
  constructor() {
    super('runner is in use by another engine, expected one whose engine was closed');
  }
}
