// The one error of policies, which callers may write themselves: it names the function at fault.
import { RoseinferError } from '../util/errors.ts';

/** A scheduling policy that threw or returned an invalid value. */
export class PolicyError extends RoseinferError {
  /** The function at fault, such as `admits`. */
  readonly method: string;

  constructor(method: string, problem: string, options?: ErrorOptions) {
    super(`${method}() of the policy ${problem}`, options);
    this.method = method;
  }
}
