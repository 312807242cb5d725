// The error of a runner after its `close`. It stands in core, as engines meet it without knowing a GPU.
import { RoseinferError } from '../util/errors.ts';

/** Refusal of a step by a runner that was closed. */
export class RunnerClosedError extends RoseinferError {
  constructor() {
    super('runner is closed, expected steps before close()');
  }
}
