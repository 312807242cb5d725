// The error of a constraint: the fault of a caller's rule, told apart from faults of the engine.
import { RoseinferError } from '../util/errors.ts';
import { messageOf } from '../util/message-of.ts';

/** Fault of a request's constraint, which ends the request: it threw, rejected, or gave no mask of the vocabulary's ids. */
export class ConstraintError extends RoseinferError {
  /** The method at fault. */
  readonly method: string;

  /** @param fault continues the sentence "METHOD() of the constraint …". */
  constructor(method: string, fault: string, options?: ErrorOptions) {
    super(`${method}() of the constraint ${fault}`, options);
    this.method = method;
  }

  /** Makes the error of a method that threw or rejected. */
  static of(method: string, cause: unknown): ConstraintError {
    return new ConstraintError(method, `failed: ${messageOf(cause)}`, { cause });
  }
}
