// The claim of an engine on its runner. Every plan carries it, so that a runner knows whose step it gets, wrapped or not.
import { RoseinferError } from '../util/errors.ts';

/** One engine's right to a runner: another engine's steps would overwrite its keys and values. */
export interface Lease {
  /** True until the engine has closed. */
  readonly isHeld: boolean;
}

/** Refusal of a runner that another open engine holds. */
export class RunnerInUseError extends RoseinferError {
  constructor() {
    super('runner is in use by another engine, expected one whose engine was closed');
  }
}
